"""Import of pymilvus, an optional dependency for galleries on Milvus."""

from __future__ import annotations

import logging
from typing import Any

from stca.errors import GalleryError


def import_pymilvus() -> Any:
    """Import pymilvus; what it would print of every failed call is left to our errors.

    Raises:
        GalleryError: pymilvus is not installed.

    """
    try:
        import pymilvus
    except ImportError as error:
        raise GalleryError(
            "A gallery on Milvus needs pymilvus", found=error, hint="pip install 'stca[milvus]'"
        ) from error
    for name in ("pymilvus", "milvus_lite"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return pymilvus


def require_lite() -> None:
    """Raise GalleryError if Milvus Lite is not installed."""
    try:
        import milvus_lite  # noqa: F401
    except ImportError as error:
        raise GalleryError(
            "A gallery in a file of Milvus Lite needs milvus-lite",
            found=error,
            hint="pip install 'stca[milvus]'",
        ) from error


def release_lite(path: str) -> None:
    """Stop the server of a Milvus Lite file in this process, so that another process may open the file."""
    from milvus_lite.server_manager import server_manager_instance

    server_manager_instance.release_server(path)
