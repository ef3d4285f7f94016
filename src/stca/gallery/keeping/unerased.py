"""What could not be erased, as the gallery keeps it until it can be.

A note says where it lies, and what erasing it safely needs: the rows of the gallery that said so are gone.
Notes are not copied to backups, and their text is erased from the gallery's file once it has been acted on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from stca.errors import GalleryFileError
from stca.gallery.gallery import Gallery

Kind = Literal["crops", "rows", "events", "page"]


@dataclass(frozen=True, slots=True)
class Unerased:
    """A file or folder that is still there.

    Args:
        kind: of what: "crops", a tracklet's folder; "rows", of tracks in the files of a camera's folder;
            "events", lines of a file of events; "page", of `stca find`.
        path: of the file or folder.
        why: it could not be erased.
        facts: what erasing it needs beside.

    """

    kind: Kind
    path: Path
    why: str
    facts: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.path}{', rows of the tracks' * (self.kind == 'rows')}: {self.why}"

    def mark(self) -> str:
        """Equal where the same is to be erased, whatever the reason why it could not be."""
        return json.dumps([self.kind, str(self.path), dict(self.facts)], sort_keys=True)

    def text(self) -> str:
        """As it is noted."""
        note = {"kind": self.kind, "path": str(self.path), "why": self.why, "facts": dict(self.facts)}
        return json.dumps(note, sort_keys=True)


def read_unerased(gallery: Gallery) -> dict[str, Unerased]:
    """The notes by their text.

    Raises:
        GalleryError: the gallery cannot be read, or a note is damaged.

    """
    found = {}
    for text in gallery.store.unerased():
        try:
            note = json.loads(text)
            found[text] = Unerased(note["kind"], Path(note["path"]), note["why"], note["facts"])
        except (ValueError, KeyError, TypeError) as error:
            raise GalleryFileError(
                "A gallery's note of what could not be erased is damaged", found=text, where=gallery.where
            ) from error
    return found


def note_unerased(gallery: Gallery, some: Sequence[Unerased], *, instead_of: Sequence[str] = ()) -> None:
    """Note what could not be erased, in one commit with striking the notes that were acted on.

    Args:
        gallery: that may be written.
        some: of which some may be noted already.
        instead_of: texts of notes that are struck, unless `some` has them too.

    """
    noted = {text: each.mark() for text, each in read_unerased(gallery).items()}
    wanted = {each.mark(): each.text() for each in some}
    new = [wanted[mark] for mark in wanted.keys() - set(noted.values())]
    gone = [text for text in instead_of if text in noted and noted[text] not in wanted]
    if new or gone:
        gallery.store.change_unerased(new, gone)
