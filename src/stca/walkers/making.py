"""Writing the data set: lists, tables and crops."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import simplejpeg

from stca.tools.progress import progress
from stca.walkers.filming.footage import film
from stca.walkers.folders import make_folder, run_jobs, stopped
from stca.walkers.places.nuisances import Nuisances
from stca.walkers.plan import (
    Seed,
    Settings,
    Shot,
    camera_of,
    check_range,
    passer_by,
    plan,
    walker_of,
)
from stca.walkers.tables import write_tables

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
        distractors: tracklets of people without a query (person 0), in the test part.
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
    return _make_folder(Path(root), settings, workers)


def _make_folder(root: Path, settings: Settings, workers: int | None) -> Path:
    if workers is not None:
        check_range("workers", workers, 1, 1024)
    return make_folder(
        root,
        partial(_make, settings=settings, workers=workers),
        recipe=settings.recipe(),
        name=RECIPE,
        what="walkers",
        megabytes=lambda: _megabytes(settings),
    )


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
    done = run_jobs(partial(film_shots, work, settings), jobs, workers)
    for _ in progress(done, label="walkers", total=len(jobs)):
        pass


def film_shots(work: Path, settings: Settings, shots: list[Shot]) -> None:
    """Film and write some tracklets, each from its own seed."""
    for shot in shots:
        if stopped():
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


def _megabytes(settings: Settings) -> int:
    images = sum(shot.frames for shot in plan(settings))
    return round(images * settings.size[0] * settings.size[1] * 0.35 / 2**20) + 1
