"""FAISS, which is installed only where large galleries are wanted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from stca.errors import GalleryError


def import_faiss() -> Any:
    """FAISS, where it is installed.

    Raises:
        GalleryError: it is not.

    """
    try:
        import faiss
    except ImportError as error:
        raise GalleryError(
            "A gallery of this size needs FAISS", found=error, hint="pip install 'stca[gallery]'"
        ) from error
    return faiss


@contextmanager
def threads(faiss: Any, count: int) -> Iterator[None]:
    """Let FAISS take so many, for what this thread asks of it."""
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(count)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)
