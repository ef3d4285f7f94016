"""Writing the data set: all at once or not at all, by several processes, with its recipe."""

from __future__ import annotations

import errno
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
from functools import partial
from multiprocessing.synchronize import Event
from pathlib import Path

import numpy as np
import simplejpeg

from stca.datasets.walkers.footage import film
from stca.datasets.walkers.nuisances import Nuisances
from stca.datasets.walkers.plan import (
    Seed,
    Settings,
    Shot,
    camera_of,
    check_range,
    passer_by,
    plan,
    walker_of,
)
from stca.datasets.walkers.tables import write_tables
from stca.errors import DatasetError
from stca.progress import progress

RECIPE = "walkers.json"


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
        check_range("workers", workers, 1, 1024)
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


def _make(work: Path, settings: Settings, workers: int | None) -> None:
    shots = plan(settings)
    by_person: dict[int, list[Shot]] = {}
    for shot in shots:
        (work / shot.part / shot.label).mkdir(parents=True, exist_ok=True)
        by_person.setdefault(shot.person, []).append(shot)
    for part in ("bbox_train", "bbox_test", "info"):
        (work / part).mkdir(exist_ok=True)
    write_tables(work / "info", settings, shots)
    jobs = sorted(by_person.values(), key=lambda job: -sum(s.frames for s in job))
    count = min(len(jobs), workers or _cores())
    for _ in progress(
        _run(partial(film_shots, work, settings), jobs, count), label="walkers", total=len(jobs)
    ):
        pass
    # Last: a folder without it does not count as made.
    (work / RECIPE).write_text(json.dumps(settings.recipe(), indent=2) + "\n")


def _cores() -> int:
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _run(work: partial[None], jobs: list[list[Shot]], workers: int) -> Iterator[None]:
    """Do all jobs, here or in processes, and yield as each is done."""
    if workers == 1:
        for job in jobs:
            yield work(job)
        return
    # A fork needs no guard around the caller's main module; macOS and Windows cannot fork safely.
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    stop = context.Event()
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(stop,)) as pool:
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
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)


_stops: list[Event] = []  # in a worker: how its parent says that the rest is not wanted


def _begin(stop: Event) -> None:
    """Make a process a worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears interrupts and stops its workers
    _stops.append(stop)


def film_shots(work: Path, settings: Settings, shots: list[Shot]) -> None:
    """Film and write some tracklets, each from its own seed."""
    for shot in shots:
        if any(stop.is_set() for stop in _stops):
            return
        rng = np.random.default_rng((settings.seed, Seed.TRACKLET, shot.person, shot.camera, shot.number))
        crops = film(
            rng,
            walker_of(settings.seed, settings.twins, shot.person),
            camera_of(settings, shot.camera),
            frames=shot.frames,
            size=settings.size,
            nuisances=settings.nuisances,
            passers_by=partial(passer_by, settings.seed),
            junk=shot.label == "00-1",
        )
        folder = work / shot.part / shot.label
        for name, crop in zip(shot.names(), crops, strict=True):
            data = simplejpeg.encode_jpeg(np.ascontiguousarray(crop), quality=92, colorsubsampling="420")
            (folder / name).write_bytes(data)


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
