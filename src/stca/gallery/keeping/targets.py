"""Where a copy of a gallery may go: not into the gallery that it is made from."""

from __future__ import annotations

from pathlib import Path

from stca.errors import GalleryError
from stca.gallery.milvus.address import is_address, parse_address


def require_outside(target: Path | str, source: Path | str, *, what: str) -> None:
    """Raise GalleryError if a new gallery or backup would lie in the folder that it is made from.

    What is in a gallery's folder goes with it: it is erased, moved and kept as long as the gallery is. Links
    and relative paths are followed.

    Args:
        target: folder or address of what is made.
        source: folder or address of what it is made from.
        what: is made, for the error.

    """
    place, folder = _on_this_machine(target), _on_this_machine(source)
    if place is None or folder is None or not folder.is_dir():
        return
    if any(above.exists() and above.samefile(folder) for above in place.resolve().parents):
        raise GalleryError(
            f"{what} would lie inside the folder that it is made from",
            expected="a folder that is not below it",
            found=target if isinstance(target, Path) else place,
            where=folder,
        )


def _on_this_machine(place: Path | str) -> Path | None:
    """A gallery's folder or its Milvus Lite file; None: it is on a server."""
    if not is_address(place):
        return Path(place)
    address = parse_address(str(place))
    return Path(address.uri) if address.is_lite else None
