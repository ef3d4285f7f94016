"""Writing the data set: the plan of who is seen where, the folders and tables of MARS, and the recipe."""

from __future__ import annotations

import errno
import io
import json
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import simplejpeg
from scipy.io import savemat

from stca.datasets.walkers.cameras import Camera, draw_camera
from stca.datasets.walkers.footage import film
from stca.datasets.walkers.nuisances import Nuisances
from stca.datasets.walkers.people import Walker, draw_twins, draw_walker
from stca.errors import ConfigError, DatasetError
from stca.progress import progress

RECIPE = "walkers.json"
_VERSION = 1  # of the pictures: raised whenever the same settings give other pictures
_PERSON, _TWINS, _CAMERA, _TRACKLET, _PLAN, _PASSER_BY, _QUERY = range(7)  # first number of every seed


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that decides what is made; the recipe in `walkers.json`."""

    train_persons: int
    test_persons: int
    cameras: int
    tracklets_per_camera: tuple[int, int]
    frames: tuple[int, int]
    size: tuple[int, int]
    seed: int
    twins: bool
    distractors: int
    junk: int
    nuisances: Nuisances

    def __post_init__(self) -> None:
        _check_range("train_persons", self.train_persons, 1, 4999)
        _check_range("test_persons", self.test_persons, 1, 4999)
        _check_range("cameras", self.cameras, 2, 6)
        _check_range("distractors", self.distractors, 0, 9999)
        _check_range("junk", self.junk, 0, 9999)
        _check_range("seed", self.seed, 0, 2**63 - 1)
        _check_pair("tracklets_per_camera", self.tracklets_per_camera, 1, 99)
        _check_pair("frames", self.frames, 1, 999)
        for name, value in zip(("height", "width"), self.size, strict=True):
            _check_range(f"size's {name}", value, 16, 1024)
        if self.twins and (self.train_persons % 2 or self.test_persons % 2):
            raise ConfigError(
                "Twins come in pairs",
                expected="even train_persons and test_persons",
                found=f"{self.train_persons} and {self.test_persons}",
            )

    def recipe(self) -> dict[str, object]:
        """As it is written to `walkers.json`."""
        plain: dict[str, object] = json.loads(json.dumps(asdict(self)))
        return {"made_by": "stca.datasets.walkers", "version": _VERSION, **plain}


@dataclass(frozen=True, slots=True)
class Shot:
    """One tracklet that is to be filmed. `label` is the person as MARS writes it: 0001, 0000 or 00-1."""

    part: str
    label: str
    person: int
    camera: int
    number: int
    frames: int

    def names(self) -> list[str]:
        """File names of its frames, in order."""
        return [
            f"{self.label}C{self.camera}T{self.number:04d}F{f:03d}.jpg" for f in range(1, self.frames + 1)
        ]


def make_walkers(
    root: Path,
    *,
    train_persons: int = 40,
    test_persons: int = 40,
    cameras: int = 6,
    tracklets_per_camera: tuple[int, int] = (1, 2),
    frames: tuple[int, int] = (8, 24),
    size: tuple[int, int] = (128, 64),
    seed: int = 0,
    twins: bool = False,
    distractors: int = 8,
    junk: int = 4,
    nuisances: Nuisances | None = None,
    workers: int | None = None,
) -> Path:
    """Make a data set of synthetic pedestrians in the layout of MARS.

    The same settings give the same files, whatever the number of workers. The folder appears when it is
    complete; an interrupted run leaves nothing under `root`.

    Args:
        root: the folder to make. If it holds a data set made by the same settings, that is kept as it is.
        train_persons: how many people to learn from; everybody is seen by at least two cameras.
        test_persons: how many people to search for.
        cameras: 2 to 6.
        tracklets_per_camera: fewest and most per person and camera.
        frames: fewest and most per tracklet, at 12.5 a second.
        size: (height, width) of the crops, pixels. MARS has (256, 128), which takes about twice as long.
        seed: of everything random.
        twins: persons 1 and 2, 3 and 4, ... look the same and differ in gait only: no single frame tells
            them apart (see `people.draw_twins`).
        distractors: tracklets of people nobody asks for (person 0), in the test part.
        junk: tracklets of boxes that miss the person (person -1), in the test part.
        nuisances: how hard it is; None is `Nuisances()`.
        workers: processes; None is one per core.

    Returns:
        `root`.

    Raises:
        ConfigError: settings that do not make sense.
        DatasetError: `root` holds something else, or the disk is full.

    """
    settings = Settings(
        train_persons=train_persons,
        test_persons=test_persons,
        cameras=cameras,
        tracklets_per_camera=tracklets_per_camera,
        frames=frames,
        size=size,
        seed=seed,
        twins=twins,
        distractors=distractors,
        junk=junk,
        nuisances=nuisances or Nuisances(),
    )
    if workers is not None:
        _check_range("workers", workers, 1, 1024)
    root = Path(root)
    if _is_made(root, settings):
        return root
    try:
        root.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{root.name}.", dir=root.parent))
        try:
            work.chmod(0o755)
            _make(work, settings, workers)
            _finish(work, root, settings)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise DatasetError(
            "The disk is full; nothing was kept" if full else "Cannot write the walkers; nothing was kept",
            found=error,
            where=root,
            hint=f"about {_megabytes(settings)} MB are needed: another folder, fewer persons, a smaller size",
        ) from error
    return root


def plan(settings: Settings) -> list[Shot]:
    """All tracklets, in the order of MARS's tables: by part, then by name."""
    shots: list[Shot] = []
    for person in range(1, settings.train_persons + settings.test_persons + 1):
        part = "bbox_train" if person <= settings.train_persons else "bbox_test"
        shots += _shots_of(settings, part, person)
    for label, count, base in (("0000", settings.distractors, 20_000), ("00-1", settings.junk, 40_000)):
        rng = np.random.default_rng((settings.seed, _PLAN, base))
        used = np.zeros(settings.cameras + 1, int)
        for index in range(count):
            camera = int(rng.integers(1, settings.cameras + 1))
            used[camera] += 1
            length = int(rng.integers(settings.frames[0], settings.frames[1] + 1))
            shots.append(Shot("bbox_test", label, base + index, camera, int(used[camera]), length))
    return sorted(shots, key=lambda s: (s.part != "bbox_train", s.label, s.camera, s.number))


def _shots_of(settings: Settings, part: str, person: int) -> Iterator[Shot]:
    # Twins are seen by the same cameras, equally often and long: that tells nothing about them either.
    key = (person - 1) // 2 + 10_000 if settings.twins else person
    rng = np.random.default_rng((settings.seed, _PLAN, key))
    seen_by = int(rng.integers(max(2, settings.cameras - 2), settings.cameras + 1))
    for camera in sorted(rng.choice(settings.cameras, seen_by, replace=False)):
        low, high = settings.tracklets_per_camera
        for number in range(1, int(rng.integers(low, high + 1)) + 1):
            length = int(rng.integers(settings.frames[0], settings.frames[1] + 1))
            yield Shot(part, f"{person:04d}", person, int(camera) + 1, number, length)


def _make(work: Path, settings: Settings, workers: int | None) -> None:
    shots = plan(settings)
    by_person: dict[int, list[Shot]] = {}
    for shot in shots:
        (work / shot.part / shot.label).mkdir(parents=True, exist_ok=True)
        by_person.setdefault(shot.person, []).append(shot)
    for part in ("bbox_train", "bbox_test", "info"):
        (work / part).mkdir(exist_ok=True)
    _write_tables(work / "info", settings, shots)
    jobs = sorted(by_person.values(), key=lambda job: -sum(s.frames for s in job))
    count = min(len(jobs), workers or len(os.sched_getaffinity(0)))
    for _ in progress(
        _run(partial(film_shots, work, settings), jobs, count), label="walkers", total=len(jobs)
    ):
        pass
    # Last: a folder without it does not count as made.
    (work / RECIPE).write_text(json.dumps(settings.recipe(), indent=2) + "\n")


def _run(work: partial[None], jobs: list[list[Shot]], workers: int) -> Iterator[None]:
    """Do all jobs, here or in processes, and yield as each is done."""
    if workers == 1:
        for job in jobs:
            yield work(job)
        return
    # A fork needs no guard around the caller's main module; macOS and Windows cannot fork safely.
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_ignore_interrupts) as pool:
        futures = [pool.submit(work, job) for job in jobs]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BrokenProcessPool as error:
            raise DatasetError(
                "A process that made walkers died; nothing was kept",
                found=error,
                hint="fewer workers need less memory",
            ) from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _ignore_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears them and ends its workers


def film_shots(work: Path, settings: Settings, shots: list[Shot]) -> None:
    """Film and write some tracklets, each from its own seed."""
    for shot in shots:
        rng = np.random.default_rng((settings.seed, _TRACKLET, shot.person, shot.camera, shot.number))
        crops = film(
            rng,
            _walker(settings.seed, settings.twins, shot.person),
            camera_of(settings, shot.camera),
            frames=shot.frames,
            size=settings.size,
            nuisances=settings.nuisances,
            passers_by=partial(_passer_by, settings.seed),
            junk=shot.label == "00-1",
        )
        folder = work / shot.part / shot.label
        for name, crop in zip(shot.names(), crops, strict=True):
            data = simplejpeg.encode_jpeg(np.ascontiguousarray(crop), quality=92, colorsubsampling="420")
            (folder / name).write_bytes(data)


def camera_of(settings: Settings, camera: int) -> Camera:
    """Camera 1, 2, ... of a data set."""
    return _camera(settings.seed, camera, settings.cameras, settings.nuisances)


@lru_cache(maxsize=32)
def _camera(seed: int, camera: int, cameras: int, nuisances: Nuisances) -> Camera:
    return draw_camera(np.random.default_rng((seed, _CAMERA, camera)), camera - 1, cameras, nuisances)


@lru_cache(maxsize=64)
def _walker(seed: int, twins: bool, person: int) -> Walker:
    if twins and person < 20_000:
        pair = draw_twins(np.random.default_rng((seed, _TWINS, (person - 1) // 2)))
        return pair[(person - 1) % 2]
    return draw_walker(np.random.default_rng((seed, _PERSON, person)))


@lru_cache(maxsize=32)
def _passer_by(seed: int, number: int) -> Walker:
    return draw_walker(np.random.default_rng((seed, _PASSER_BY, number)))


def _write_tables(info: Path, settings: Settings, shots: list[Shot]) -> None:
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
    rng = np.random.default_rng((settings.seed, _QUERY))
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


def _is_made(root: Path, settings: Settings) -> bool:
    """Whether `root` is complete and made by these settings.

    Raises:
        DatasetError: it is something else.

    """
    if not root.exists() or (root.is_dir() and not any(root.iterdir())):
        return False
    hint = "give a folder that does not exist yet, or remove this one"
    try:
        found = json.loads((root / RECIPE).read_text())
    except (OSError, ValueError):
        found = None
    wanted = settings.recipe()
    if not isinstance(found, dict) or found.get("made_by") != wanted["made_by"]:
        raise DatasetError(
            "This folder is not made of walkers",
            expected=f"nothing there, or a {RECIPE}",
            where=root,
            hint=hint,
        )
    differences = [
        f"{key} is {found.get(key)!r}, asked for {wanted.get(key)!r}"
        for key in sorted({*found, *wanted})
        if found.get(key) != wanted.get(key)
    ]
    if differences:
        raise DatasetError(
            "These walkers were made by other settings", found="; ".join(differences), where=root, hint=hint
        )
    return True


def _finish(work: Path, root: Path, settings: Settings) -> None:
    try:
        work.rename(root)  # also takes the place of an empty folder
    except OSError:
        if not _is_made(root, settings):  # another run was faster
            raise


def _megabytes(settings: Settings) -> int:
    images = sum(shot.frames for shot in plan(settings))
    return round(images * settings.size[0] * settings.size[1] * 0.35 / 2**20) + 1


def _check_range(name: str, value: int, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ConfigError(f"{name} is out of range", expected=f"a whole number, {low} to {high}", found=value)


def _check_pair(name: str, value: tuple[int, int], low: int, high: int) -> None:
    if not isinstance(value, tuple) or len(value) != 2:
        raise ConfigError(f"{name} is a pair", expected="(fewest, most)", found=value)
    for part in value:
        _check_range(name, part, low, high)
    if value[0] > value[1]:
        raise ConfigError(f"{name} is the wrong way round", expected="(fewest, most)", found=value)
