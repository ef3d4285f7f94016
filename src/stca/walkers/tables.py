"""MARS's lists of names and tables of tracklets."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from scipy.io import savemat

from stca.walkers.plan import Seed, Settings, Shot


def write_tables(info: Path, settings: Settings, shots: list[Shot]) -> None:
    """Write `info/` of a data set that holds these tracklets."""
    for part, label in (("bbox_train", "train"), ("bbox_test", "test")):
        mine = [shot for shot in shots if shot.part == part]
        names = [name for shot in mine for name in shot.names()]
        (info / f"{label}_name.txt").write_text("".join(f"{name}\n" for name in names))
        last = np.cumsum([shot.frames for shot in mine])
        person = [-1 if shot.label == "00-1" else int(shot.label) for shot in mine]
        rows = [last - [shot.frames for shot in mine] + 1, last, person, [shot.camera for shot in mine]]
        table = np.stack([np.asarray(row, dtype=np.int32) for row in rows], axis=1)
        _write_mat(info / f"tracks_{label}_info.mat", f"track_{label}_info", table)
        if label == "test":
            _write_mat(info / "query_IDX.mat", "query_IDX", _queries(settings, mine)[None, :])


def _queries(settings: Settings, test: list[Shot]) -> np.ndarray:
    """One tracklet per person and camera asks; 1-based rows of the test table."""
    rng = np.random.default_rng((settings.seed, Seed.QUERY))
    groups: dict[tuple[str, int], list[int]] = {}
    for row, shot in enumerate(test, start=1):
        if shot.label not in ("0000", "00-1"):
            groups.setdefault((shot.label, shot.camera), []).append(row)
    return np.array(sorted(int(rng.choice(rows)) for rows in groups.values()), dtype=np.int32)


def _write_mat(path: Path, name: str, table: np.ndarray) -> None:
    """`savemat` without the date in the header: the same data gives the same bytes."""
    buffer = io.BytesIO()
    savemat(buffer, {name: table}, do_compression=True)
    data = b"MATLAB 5.0 MAT-file, by stca".ljust(116) + buffer.getvalue()[116:]
    path.write_bytes(data)
