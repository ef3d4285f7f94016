"""A gallery of copied tracks with made-up vectors, and a search for bytes in everything below a folder."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np

from made_gallery import FINGERPRINT, vectors
from stca.gallery import Gallery, Record, record_of
from stca.gallery.adding import crops_digest
from stca.tracks import find_tracklets

TRACKS = Path(__file__).parent / "data" / "v0_1" / "tracks"


def records_of(tracks: Path) -> list[Record]:
    return [record_of(found, crops_digest(found)) for found in find_tracklets(tracks)]


def make_gallery(folder: Path, *, more: int = 0) -> Gallery:
    """`folder/gallery` of twelve tracklets in `folder/tracks`, persons 1 to 4, and `more` without crops; open."""
    shutil.copytree(TRACKS, folder / "tracks")
    gallery = Gallery.open(folder / "gallery", model=FINGERPRINT)
    records = records_of(folder / "tracks")
    records += [Record(f"far/{n:05d}", "far", 1.7e9 + n, 1.7e9 + n + 5) for n in range(more)]
    gallery.add(records, vectors(len(records)))
    gallery.set_persons({record.key: 1 + number % 4 for number, record in enumerate(records[:12])})
    return gallery


def needles(gallery: Gallery, key: str) -> dict[str, bytes]:
    """What must not be found after the key was forgotten: by name, the bytes."""
    found = gallery.get(key)
    assert found is not None
    record, vector = found
    floats = vector.astype("<f4")
    signed = np.clip(np.round(floats / np.abs(floats).max() * 127), -128, 127)
    pieces = {
        "key": key.encode(),
        "vector": floats.tobytes(),
        "half of the vector": floats[: len(floats) // 2].tobytes(),
        "float16": floats.astype("<f2").tobytes(),
        "int8": signed.astype(np.int8).tobytes(),
        "content": record.content.encode(),
    }
    if record.folder is not None:
        crops = sorted(record.folder.glob("*.jpg"))
        pieces |= {f"crop {path.name}": path.read_bytes()[-400:] for path in crops}
        boxes = (record.folder / "tracklet.json").read_bytes().split(b"\n")[2]
        pieces["line of the side file"] = boxes
    return pieces


def found_in(folder: Path, pieces: dict[str, bytes]) -> list[str]:
    """Where the pieces are, in names and in files."""
    found = []
    for path in sorted(folder.rglob("*")):
        data = str(path.relative_to(folder)).encode() + b"\n" + (path.read_bytes() if path.is_file() else b"")
        found += [f"{what} in {path.relative_to(folder)}" for what, piece in pieces.items() if piece in data]
    return found


def everything_but(record: Record) -> Record:
    """The same tracklet under other crops."""
    return replace(record, content="0" * 32)
