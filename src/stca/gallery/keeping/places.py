"""Where else a gallery's tracklets are spoken of: folders of `stca serve`, files of events of `stca watch`.

Some lie beside a gallery's folder under a known name. Those that do not are noted in the gallery, so that
forgetting finds them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from stca.errors import GalleryFileError
from stca.gallery.gallery import Gallery

OUTBOX, SERVER = "events.sqlite", "serve"

Kind = Literal["events", "server"]


def note_place(gallery: Gallery, kind: Kind, place: Path) -> None:
    """Note a file of events or a server's folder; once.

    Raises:
        GalleryError: it cannot be written.

    """
    noted = _noted(gallery, kind)
    if place.absolute() not in (*noted, _beside(gallery, kind)):
        text = json.dumps([str(each) for each in (*noted, place.absolute())])
        gallery.store.set_meta(_name(kind), text)


def places_of(gallery: Gallery, kind: Kind) -> list[Path]:
    """Files of events or folders of servers that exist here.

    Raises:
        GalleryError: the gallery cannot be read, or its notes are damaged.

    """
    found = (_beside(gallery, kind), *_noted(gallery, kind))
    return [path for path in found if path is not None and path.exists()]


def places_missing_here(gallery: Gallery) -> list[Path]:
    """Places that were noted and do not exist here: moved, removed, or on another machine."""
    return [path for kind in ("events", "server") for path in _noted(gallery, kind) if not path.exists()]


def _beside(gallery: Gallery, kind: Kind) -> Path | None:
    folder = gallery.store.folder
    if folder is None:
        return None
    return folder.absolute().parent / OUTBOX if kind == "events" else folder.absolute() / SERVER


def _noted(gallery: Gallery, kind: Kind) -> list[Path]:
    text = gallery.store.meta(_name(kind)) or "[]"
    try:
        return [Path(each) for each in json.loads(text)]
    except (ValueError, TypeError) as error:
        raise GalleryFileError(
            "A gallery's notes of where else its tracklets are spoken of are damaged",
            found=text,
            where=gallery.where,
        ) from error


def _name(kind: Kind) -> str:
    return f"places of {kind}"
