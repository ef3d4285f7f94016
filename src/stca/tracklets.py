"""The basic types: a tracklet, the splits of a data set, a table of embeddings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from jaxtyping import Float32, Int64
from numpy.lib.npyio import NpzFile

from stca.errors import DatasetError, RankingError
from stca.tools.files import atomic_write


@dataclass(frozen=True, slots=True)
class Tracklet:
    """The cropped frames of one person, tracked in one camera.

    Args:
        frames: image files of the crops, in time order; at least one.
        person_id: the identity. 0 is a distractor (nobody's match), below 0 is junk.
        camera_id: the camera that recorded it.
        key: a name, unique within its data set.

    Raises:
        DatasetError: no frames, or an empty key.

    """

    frames: tuple[Path, ...]
    person_id: int
    camera_id: int
    key: str

    def __post_init__(self) -> None:
        if not self.frames:
            raise DatasetError("A tracklet has no frames", expected="at least one image", where=self.key)
        if not self.key:
            raise DatasetError("A tracklet has an empty key", expected="a name unique in its data set")

    def __len__(self) -> int:
        return len(self.frames)

    def __repr__(self) -> str:
        return f"Tracklet({self.key!r}, person {self.person_id}, camera {self.camera_id}, {len(self)} frames)"


@dataclass(frozen=True, slots=True)
class Splits:
    """A data set, divided into training, query and gallery tracklets.

    Args:
        name: the data set's name.
        train: training tracklets.
        query: tracklets to search for.
        gallery: tracklets to search in. The protocol decides whether the queries belong to the gallery.
        protocols: evaluation protocols of this data set (keys of `stca.ranking.PROTOCOLS`).
        notes: counts that are printed with the data set (junk left out, boxes dropped and why).

    Raises:
        DatasetError: two different tracklets of one part share a key.

    """

    name: str
    train: tuple[Tracklet, ...]
    query: tuple[Tracklet, ...]
    gallery: tuple[Tracklet, ...]
    protocols: tuple[str, ...] = ("cross-camera",)
    notes: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for part, tracklets in (("train", self.train), ("query", self.query), ("gallery", self.gallery)):
            keys = {t.key for t in tracklets}
            if len(keys) != len(tracklets):
                raise DatasetError(
                    f"{self.name}: tracklet keys of {part} are not unique",
                    expected=f"{len(tracklets)} different keys",
                    found=len(keys),
                )

    def __repr__(self) -> str:
        rows = [f"{self.name:<12}{'persons':>9}{'tracklets':>11}{'frames':>10}{'cameras':>9}"]
        for part, tracklets in (("train", self.train), ("query", self.query), ("gallery", self.gallery)):
            persons = len({t.person_id for t in tracklets if t.person_id > 0})
            cameras = len({t.camera_id for t in tracklets})
            rows.append(
                f"  {part:<10}{persons:>9}{len(tracklets):>11}{sum(map(len, tracklets)):>10}{cameras:>9}"
            )
        rows.extend(f"  {count} {what}" for what, count in self.notes.items())
        return "\n".join(rows)


def _numbers(what: str, values: object, kinds: str, dtype: type[np.generic]) -> np.ndarray:
    """Convert `values` to an array of `dtype` if only numeric width changes."""
    wanted = "whole numbers" if dtype is np.int64 else "numbers"
    try:
        array = np.asarray(values)
    except (ValueError, TypeError, RuntimeError) as error:
        raise RankingError(f"{what} are not an array", expected=wanted, found=error) from error
    found = array.dtype
    wide = found == np.uint64 and array.max(initial=0) > np.iinfo(np.int64).max
    if array.size and (found.kind not in kinds or wide or (dtype is np.int64 and array.ndim != 1)):
        raise RankingError(
            f"{what} have a type that cannot be ranked",
            expected=f"{wanted}, {'(N,) int64' if dtype is np.int64 else '(N, D) float32'}",
            found=f"{array.shape} {'beyond int64' if wide else found}",
            hint="convert them by .astype() if nothing is lost",
        )
    with np.errstate(over="ignore"):  # a number too large for float32 becomes infinite and is refused below
        return array.astype(dtype, copy=False)


@dataclass(frozen=True, slots=True, eq=False)
class Embeddings:
    """One vector per tracklet, with the ids and keys needed for ranking.

    Args:
        vectors: (N, D) float32; other numbers, or lists of them, become float32.
        person_ids: (N,) int64; integers of any width, or a list of them, become int64.
        camera_ids: (N,) int64, one per tracklet. One per frame would silently disable the same-camera rule,
            so lengths are checked.
        keys: N tracklet keys.
        computed_by: precision, runtime and version that computed the vectors; empty if unknown.

    Raises:
        RankingError: lengths that differ, vectors that are not finite numbers, or ids that are not integers.

    """

    vectors: Float32[np.ndarray, "N D"]
    person_ids: Int64[np.ndarray, " N"]
    camera_ids: Int64[np.ndarray, " N"]
    keys: tuple[str, ...]
    computed_by: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "vectors", _numbers("vectors", self.vectors, "fiu", np.float32))
        for name in ("person_ids", "camera_ids"):
            object.__setattr__(self, name, _numbers(name, getattr(self, name), "iu", np.int64))
        object.__setattr__(self, "keys", tuple(self.keys))
        if self.vectors.ndim != 2:
            raise RankingError("Embeddings are a matrix", expected="(N, D)", found=self.vectors.shape)
        lengths = {
            "vectors": len(self.vectors),
            "person_ids": len(self.person_ids),
            "camera_ids": len(self.camera_ids),
            "keys": len(self.keys),
        }
        if len(set(lengths.values())) != 1:
            raise RankingError(
                "Vectors, ids and keys differ in length",
                expected="one person id, camera id and key per tracklet",
                found=lengths,
                hint="camera ids are per tracklet, not per frame",
            )
        if not np.isfinite(self.vectors).all():
            bad = np.flatnonzero(~np.isfinite(self.vectors).all(axis=1))
            raise RankingError(
                "Vectors are not finite",
                found=f"{len(bad)} of {len(self)} rows hold NaN or infinity, first {self.keys[bad[0]]!r}",
                hint="check the loss curve: the training may have diverged",
            )

    def __len__(self) -> int:
        return len(self.keys)

    def __repr__(self) -> str:
        persons, cameras = len(np.unique(self.person_ids)), len(np.unique(self.camera_ids))
        return f"Embeddings({len(self)} x {self.vectors.shape[1]}, {persons} persons, {cameras} cameras)"

    def subset(self, rows: Sequence[int] | Int64[np.ndarray, " M"]) -> Embeddings:
        """The rows with these indices, in this order."""
        index = np.asarray(rows, dtype=np.int64)
        keys = tuple(self.keys[i] for i in index)
        return Embeddings(
            self.vectors[index], self.person_ids[index], self.camera_ids[index], keys, self.computed_by
        )

    @classmethod
    def concatenate(cls, parts: Sequence[Embeddings]) -> Embeddings:
        """The rows of all parts, in order."""
        return cls(
            np.concatenate([p.vectors for p in parts]),
            np.concatenate([p.person_ids for p in parts]),
            np.concatenate([p.camera_ids for p in parts]),
            tuple(key for p in parts for key in p.keys),
            "; ".join(dict.fromkeys(p.computed_by for p in parts if p.computed_by)),
        )

    def save(self, path: Path, *, model: str = "") -> None:
        """Write the embeddings to an .npz file, atomically.

        `model` says which model they are of: the JSON of its `ModelFingerprint`, which `stored_model` reads.
        """
        with atomic_write(path) as file:
            np.savez(
                file,
                vectors=self.vectors,
                person_ids=self.person_ids,
                camera_ids=self.camera_ids,
                keys=np.array(self.keys, dtype=np.str_),
                computed_by=np.array(self.computed_by),
                model=np.array(model),
            )

    @classmethod
    def load(cls, path: Path) -> Embeddings:
        """Read a file that `save` wrote.

        Raises:
            RankingError: the file is missing or was not written by `save`.

        """
        with _reading(path) as data:
            keys = tuple(str(k) for k in data["keys"])
            computed_by = str(data["computed_by"]) if "computed_by" in data else ""
            return cls(data["vectors"], data["person_ids"], data["camera_ids"], keys, computed_by)

    @staticmethod
    def stored_model(path: Path) -> str:
        """What `save` was given as `model`; empty if nothing, also in files of before.

        Raises:
            RankingError: as of `load`.

        """
        with _reading(path) as data:
            return str(data["model"]) if "model" in data else ""


@contextmanager
def _reading(path: Path) -> Iterator[NpzFile]:
    try:
        with np.load(path, allow_pickle=False) as data:
            yield data
    except (OSError, KeyError, ValueError, TypeError, EOFError, BadZipFile) as error:
        raise RankingError(
            "Cannot read embeddings", expected="an .npz file from `stca embed`", found=error, where=path
        ) from error
