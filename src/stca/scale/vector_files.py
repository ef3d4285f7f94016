"""Vectors of tracklets as Parquet: one file per camera's folder, which `stca gallery add` reads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from stca.errors import GalleryError, StcaError, first_line
from stca.gallery import Added, Gallery, ModelFingerprint, Record
from stca.tools.files import atomic_write

VERSION = 1
SUFFIX = ".parquet"
_ABOUT = b"stca.vectors"
_COLUMNS = ("key", "camera", "first", "last", "person", "folder", "frames", "content", "clock", "vector")


@dataclass(frozen=True, slots=True, eq=False)
class VectorFile:
    """Records and vectors of one camera's folder.

    Args:
        fingerprint: of the model.
        source: name of the model for `open_model`.
        crops: digest of the names, sizes and times of the crops, by which unchanged ones are recognised.
        computed_by: runtime and precision.
        records: N.
        vectors: (N, D), as the network gave them.

    """

    fingerprint: ModelFingerprint
    source: str
    crops: str
    computed_by: str
    records: tuple[Record, ...]
    vectors: Float32[np.ndarray, "N D"]


def write_vectors(path: Path, content: VectorFile) -> None:
    """Write the file, whole or not at all.

    Columns of version 1, with the meaning that they have in the gallery's `Record`: key, camera, folder,
    content, clock: string; first, last: double, null if unknown; person: int64, null if unknown; frames:
    int32; vector: D float32. The schema's metadata `stca.vectors` is JSON: version, fingerprint, source,
    crops, computed_by.
    """
    arrow, parquet = import_pyarrow()
    records = content.records
    dim = content.fingerprint.dim
    columns = {
        "key": arrow.array([r.key for r in records], arrow.string()),
        "camera": arrow.array([r.camera for r in records], arrow.string()),
        "first": arrow.array([r.first for r in records], arrow.float64()),
        "last": arrow.array([r.last for r in records], arrow.float64()),
        "person": arrow.array([r.label for r in records], arrow.int64()),
        "folder": arrow.array([str(r.folder or "") for r in records], arrow.string()),
        "frames": arrow.array([r.frames for r in records], arrow.int32()),
        "content": arrow.array([r.content for r in records], arrow.string()),
        "clock": arrow.array([r.clock for r in records], arrow.string()),
        "vector": arrow.FixedSizeListArray.from_arrays(
            arrow.array(np.ascontiguousarray(content.vectors, dtype=np.float32).ravel()), dim
        ),
    }
    about = {
        "version": VERSION,
        "fingerprint": json.loads(content.fingerprint.to_json()),
        "source": content.source,
        "crops": content.crops,
        "computed_by": content.computed_by,
    }
    table = arrow.table(columns).replace_schema_metadata({_ABOUT: json.dumps(about).encode()})
    with atomic_write(path) as file:
        parquet.write_table(table, file)


def read_about(path: Path) -> dict[str, Any]:
    """What `write_vectors` wrote beside the rows, from the file's footer alone.

    Raises:
        GalleryError: another file, damaged, or of a later version.

    """
    _, parquet = import_pyarrow()
    try:
        about: dict[str, Any] = json.loads((parquet.read_schema(path).metadata or {})[_ABOUT])
        version = int(about["version"])
    except Exception as error:  # pyarrow's own, for whatever is in the file
        raise GalleryError(
            "This is no file of vectors",
            expected="Parquet, as `stca embed --engine ray` writes it",
            found=first_line(error),
            where=path,
        ) from error
    if version > VERSION:
        raise GalleryError(
            "This file of vectors is of a later version",
            expected=f"version {VERSION}",
            found=version,
            where=path,
            hint="use the version of stca that wrote it",
        )
    return about


def read_vectors(path: Path) -> VectorFile:
    """Read a file that `write_vectors` wrote.

    Raises:
        GalleryError: another file, damaged, or of a later version.

    """
    about = read_about(path)
    _, parquet = import_pyarrow()
    try:
        table = parquet.read_table(path, columns=list(_COLUMNS))
        rows = table.drop_columns(["vector"]).to_pylist()
        fingerprint = ModelFingerprint.from_json(json.dumps(about["fingerprint"]))
        flat = table.column("vector").combine_chunks().flatten().to_numpy(zero_copy_only=False)
        vectors = np.array(flat, dtype=np.float32).reshape(len(rows), fingerprint.dim)
        return VectorFile(
            fingerprint,
            about["source"],
            about["crops"],
            about["computed_by"],
            tuple(map(_record, rows)),
            vectors,
        )
    except Exception as error:  # pyarrow's own, for whatever is in the file
        raise GalleryError("A file of vectors is damaged", found=first_line(error), where=path) from error


def find_vector_files(place: Path) -> list[Path]:
    """The vector files of a folder, in order, or the one file; none if it has none."""
    if place.is_dir():
        return sorted(p for p in place.glob(f"*{SUFFIX}") if not p.name.startswith("."))
    return [place] if place.suffix == SUFFIX else []


def add_vectors(path: Path | str, files: Sequence[Path], *, replace: bool = False) -> tuple[Added, int]:
    """Add files of vectors to the gallery at `path` (a folder or a milvus:// address), made if there is none.

    Returns:
        What was added, and how many tracklets the gallery then has.

    Raises:
        GalleryError: files of another model than the gallery's or of several (then nothing is added), or that
            cannot be read; a key that exists with other crops.

    """
    first = read_about(files[0])
    fingerprint = ModelFingerprint.from_json(json.dumps(first["fingerprint"]))
    for file in files[1:]:
        fingerprint.require(
            ModelFingerprint.from_json(json.dumps(read_about(file)["fingerprint"])), where=file
        )
    done = Added()
    with Gallery.open(path, model=fingerprint, source=first["source"]) as gallery:
        for file in files:
            content = read_vectors(file)
            done += gallery.add(list(content.records), content.vectors, replace=replace)
        gallery.refresh()
        return done, len(gallery)


def import_pyarrow() -> tuple[Any, Any]:
    """PyArrow and its Parquet module."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise StcaError("PyArrow is not installed", hint="pip install 'stca[ray]'") from error
    return pyarrow, pyarrow.parquet


def _record(row: dict[str, Any]) -> Record:
    person = row.pop("person")
    return Record(
        **row | {"folder": Path(row["folder"]) if row["folder"] else None}, person=person, label=person
    )
