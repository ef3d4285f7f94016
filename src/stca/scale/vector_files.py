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
from stca.gallery.cross_camera import keep_public_threshold
from stca.tools.files import atomic_write

VERSION = 1
SUFFIX = ".parquet"
_ABOUT = b"stca.vectors"
_MAY_BE_NULL = ("first", "last", "person")
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
        "key": [r.key for r in records],
        "camera": [r.camera for r in records],
        "first": [r.first for r in records],
        "last": [r.last for r in records],
        "person": [r.label for r in records],
        "folder": [str(r.folder or "") for r in records],
        "frames": [r.frames for r in records],
        "content": [r.content for r in records],
        "clock": [r.clock for r in records],
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
    metadata = {_ABOUT: json.dumps(about).encode()}
    table = arrow.table(columns, schema=arrow.schema(_types(dim), metadata=metadata))
    with atomic_write(path) as file:
        parquet.write_table(table, file)


def read_about(path: Path) -> dict[str, Any]:
    """What `write_vectors` wrote beside the rows, from the file's footer alone.

    Raises:
        GalleryError: another file, damaged, of a later version, or with other columns than this one's.

    """
    _, parquet = import_pyarrow()
    try:
        schema = parquet.read_schema(path)
        about: dict[str, Any] = json.loads((schema.metadata or {})[_ABOUT])
        version = about["version"]
        if type(version) is not int or version < 1:
            raise ValueError(f"version {version!r}")
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
    for name in ("source", "crops", "computed_by"):
        if not isinstance(about.get(name), str):
            raise _damaged(path, f"metadata {name}: a string", about.get(name))
    try:
        dim = fingerprint_of(about).dim
    except (GalleryError, KeyError) as error:
        found = getattr(error, "found", None) or "none"
        raise _damaged(path, "metadata fingerprint: a model's", found) from error
    for name, kind in _types(dim).items():
        found = schema.field(name).type if schema.names.count(name) == 1 else "no such column"
        if found != kind:
            raise _damaged(path, f"column {name}: {kind}", found)
    return about


def read_vectors(path: Path) -> VectorFile:
    """Read a file that `write_vectors` wrote.

    Raises:
        GalleryError: as of `read_about`; a value that is missing, or a negative number of frames.

    """
    about = read_about(path)
    fingerprint = fingerprint_of(about)
    _, parquet = import_pyarrow()
    try:
        table = parquet.read_table(path, columns=list(_COLUMNS))
        flat = [chunk.flatten() for chunk in table.column("vector").chunks]
        missing = [n for n in _COLUMNS if n not in _MAY_BE_NULL and table.column(n).null_count]
        if missing or any(chunk.null_count for chunk in flat):
            raise _damaged(path, "a value in every row", f"nulls in {', '.join(missing) or 'vector'}")
        rows = table.drop_columns(["vector"]).to_pylist()
        if any(row["frames"] < 0 for row in rows):
            raise _damaged(path, "frames: 0 or more", min(row["frames"] for row in rows))
        numbers = [np.empty(0, np.float32), *(chunk.to_numpy() for chunk in flat)]
        return VectorFile(
            fingerprint,
            about["source"],
            about["crops"],
            about["computed_by"],
            tuple(map(_record, rows)),
            np.concatenate(numbers).reshape(len(rows), fingerprint.dim),
        )
    except GalleryError:
        raise
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
    first = read_vectors(files[0])
    for file in files[1:]:
        first.fingerprint.require(fingerprint_of(read_about(file)), where=file)
    done = Added()
    with Gallery.open(path, model=first.fingerprint, source=first.source) as gallery:
        for file in files:
            content = first if file == files[0] else read_vectors(file)
            done += gallery.add(list(content.records), content.vectors, replace=replace)
        gallery.refresh()
        keep_public_threshold(gallery)
        return done, len(gallery)


def require_model(files: Sequence[Path], model: ModelFingerprint) -> None:
    """Raise GalleryError for a file whose vectors are of another model than this one."""
    for file in files:
        if differ := model.differences(fingerprint_of(read_about(file))):
            raise GalleryError(
                "The vectors of this file are not of the model that is named",
                expected=differ[0],
                found=differ[1],
                where=file,
                hint="leave --model out: files of vectors say whose they are",
            )


def import_pyarrow() -> tuple[Any, Any]:
    """PyArrow and its Parquet module."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise StcaError("PyArrow is not installed", hint="pip install 'stca[ray]'") from error
    return pyarrow, pyarrow.parquet


def _types(dim: int) -> dict[str, Any]:
    """The columns of version 1."""
    arrow, _ = import_pyarrow()
    kinds = {
        "first": arrow.float64(),
        "last": arrow.float64(),
        "person": arrow.int64(),
        "frames": arrow.int32(),
    }
    kinds["vector"] = arrow.list_(arrow.field("element", arrow.float32()), dim)
    return {name: kinds.get(name, arrow.string()) for name in _COLUMNS}


def fingerprint_of(about: dict[str, Any]) -> ModelFingerprint:
    """The model's, from what `read_about` read."""
    return ModelFingerprint.from_json(json.dumps(about["fingerprint"]))


def _damaged(path: Path, expected: str, found: object) -> GalleryError:
    return GalleryError("A file of vectors is damaged", expected=expected, found=found, where=path)


def _record(row: dict[str, Any]) -> Record:
    person = row.pop("person")
    return Record(
        **row | {"folder": Path(row["folder"]) if row["folder"] else None}, person=person, label=person
    )
