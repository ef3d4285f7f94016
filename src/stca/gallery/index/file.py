"""File format of an approximate index, and the check that it belongs to the gallery's current state.

The file is a line of JSON, the row ids, and FAISS's serialised index. The JSON holds a digest of the whole
file, so that damage is noticed before FAISS parses it, and the gallery's last commit at the time of writing.
A file that does not match is no error: the index is rebuilt.
"""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64

from stca.gallery.index.faiss_import import import_faiss
from stca.gallery.index.indexes import FastIndex
from stca.gallery.index.tuning import Tuning
from stca.tools.erasing import erase_file
from stca.tools.files import atomic_write

FILE = "index.faiss"
_MAGIC = "stca gallery index 2"
_ABANDONED_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class SavedIndex:
    """An index, the row id of each of its positions, and the commit and era that it was made at."""

    index: FastIndex
    ids: Int64[np.ndarray, " N"]
    gallery: str
    last_id: int
    token: str
    era: str = ""


def save_index(folder: Path, saved: SavedIndex) -> None:
    """Write the file atomically: a reader sees the old file or the new one."""
    faiss = import_faiss()
    data = faiss.serialize_index(saved.index.faiss_index)
    ids = np.ascontiguousarray(saved.ids, dtype="<i8")
    head = {
        "what": _MAGIC,
        "gallery": saved.gallery,
        "rows": len(ids),
        "last_id": saved.last_id,
        "token": saved.token,
        "era": saved.era,
        "tuning": asdict(saved.index.tuning),
    }
    head["digest"] = _digest(head, ids, data)
    _remove_abandoned(folder)
    with atomic_write(folder / FILE) as file:
        file.write(json.dumps(head).encode() + b"\n")
        file.write(ids.data)
        file.write(data.data)


def load_index(folder: Path) -> SavedIndex | None:
    """Read the file; None if it is missing, damaged, or of another version."""
    try:
        data = np.fromfile(folder / FILE, dtype=np.uint8)
        end = int(np.argmax(data[:65536] == ord("\n"))) + 1
        head = json.loads(data[:end].tobytes())
        ids = data[end : end + 8 * head["rows"]].copy().view("<i8").astype(np.int64)
        rest = data[end + 8 * head["rows"] :]
        if head["what"] != _MAGIC or head.pop("digest") != _digest(head, ids, rest):
            return None
        index = FastIndex(import_faiss().deserialize_index(rest), Tuning(**head["tuning"]))
        fits = len(index) == len(ids)
        commit = head["last_id"], head["token"], head.get("era", "")
        return SavedIndex(index, ids, head["gallery"], *commit) if fits else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError):
        return None


def is_current(folder: Path) -> bool:
    """Whether there is no file, or one of this version's format."""
    try:
        with (folder / FILE).open("rb") as file:
            return bool(json.loads(file.readline(65536))["what"] == _MAGIC)
    except FileNotFoundError:
        return True
    except (OSError, ValueError, KeyError, TypeError):
        return False


def index_files(folder: Path) -> list[Path]:
    """The index file, and what was left of writing it."""
    return [path for path in (folder / FILE, *folder.glob(f".{FILE}.*")) if path.is_file()]


def erase_index(folder: Path) -> int:
    """Overwrite and remove the file, and what was left of writing it; returns how many files."""
    files = index_files(folder)
    for path in files:
        erase_file(path)
    return len(files)


def _digest(head: dict[str, Any], ids: np.ndarray, data: np.ndarray) -> str:
    digest = hashlib.blake2b(json.dumps(head).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(ids).data)
    digest.update(np.ascontiguousarray(data).data)
    return digest.hexdigest()


def _remove_abandoned(folder: Path) -> None:
    """Remove temporary files of processes that were killed while writing."""
    for path in folder.glob(f".{FILE}.*"):
        try:
            if time.time() - path.stat().st_mtime > _ABANDONED_SECONDS:
                path.unlink()
        except OSError:
            continue
