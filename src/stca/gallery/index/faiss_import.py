"""Import of FAISS, an optional dependency for large galleries."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from stca.errors import GalleryError


def import_faiss() -> Any:
    """Import FAISS.

    Raises:
        GalleryError: FAISS is not installed.

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
    """Set FAISS's number of OpenMP threads for calls from this thread."""
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(count)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)
