"""Writing a scene: a video and its ground truth per camera, all at once or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path

from stca.boxes import MotRow, read_mot, write_mot
from stca.footage.video import import_av
from stca.tools.files import write_text
from stca.tools.progress import progress
from stca.walkers.filming.filming_scene import film_scene
from stca.walkers.filming.itineraries import SceneSettings, Visit, itineraries, travel_times
from stca.walkers.filming.walks import FRAMES_PER_SECOND
from stca.walkers.folders import make_folder, run_jobs, stopped
from stca.walkers.places.nuisances import Nuisances
from stca.walkers.places.sensors import Crop
from stca.walkers.plan import check_range
from stca.walkers.recording import join_videos, write_video

RECIPE = "scene.json"
_PIECE = 125  # frames that one process films in one go


def make_scene(
    root: Path,
    *,
    cameras: int = 4,
    persons: int = 30,
    seconds: int = 60,
    height: int = 360,
    seed: int = 0,
    nuisances: Nuisances | None = None,
    workers: int | None = None,
) -> Path:
    """Film people who walk in, out and back again in front of several fixed cameras.

    Leaves `camN/camN.mp4`, `camN/gt/gt.txt` and `camN/seqinfo.ini` per camera, in the layout of
    MOTChallenge, and `travel.csv`: the least seconds between any two cameras. The same id is the same person
    in all cameras; visibility is the share of the body that is neither hidden nor outside the picture. Nobody
    is in two pictures at once. The same settings give the same pictures and files, whatever the number of
    workers, but for a block of a video that x264 codes otherwise now and then. The folder appears when it is
    complete; an interrupted run leaves nothing under `root`.

    Args:
        root: the folder to make. If it holds a scene made by the same settings, that is kept as it is.
        cameras: 1 to 16.
        persons: how many people walk about, 1 to 999; each is seen about twice a minute.
        seconds: of every video, at 12.5 frames a second.
        height: of the pictures, pixels, a multiple of 18; the width is 16 / 9 of it.
        seed: of everything random; persons are others than those of `make_walkers` with the same seed.
        nuisances: how hard it is; None is `Nuisances()`. What is about single boxes (`misalignment`,
            `occlusion`) changes nothing here.
        workers: processes; None is one per core.

    Returns:
        `root`.

    Raises:
        ConfigError: settings that do not make sense.
        DatasetError: `root` holds something else, or the disk is full.
        StcaError: PyAV is not installed.

    """
    settings = SceneSettings(cameras, persons, seconds, height, seed, nuisances or Nuisances())
    if workers is not None:
        check_range("workers", workers, 1, 1024)
    import_av()
    return make_folder(
        Path(root),
        partial(_make, settings=settings, workers=workers),
        recipe=settings.recipe(),
        name=RECIPE,
        what="scenes",
        megabytes=lambda: 1 + settings.cameras * settings.frames * height**2 // 10**7,
    )


def _make(work: Path, settings: SceneSettings, workers: int | None) -> None:
    visits = itineraries(settings)
    starts = range(0, settings.frames, _PIECE)
    jobs = [(camera, first) for first in starts for camera in range(1, settings.cameras + 1)]
    (work / "pieces").mkdir()
    for _ in progress(
        run_jobs(partial(_film_piece, work, settings, visits), jobs, workers), label="scene", total=len(jobs)
    ):
        pass
    for camera in range(1, settings.cameras + 1):
        _finish_camera(work, settings, camera, starts)
    times = travel_times(settings)
    pairs = [(a, b) for a in range(settings.cameras) for b in range(a + 1, settings.cameras)]
    lines = [f"cam{a + 1},cam{b + 1},{times[a, b]:.1f}\n" for a, b in pairs]
    write_text(work / "travel.csv", "from,to,seconds\n" + "".join(lines))
    shutil.rmtree(work / "pieces")


def _film_piece(work: Path, settings: SceneSettings, visits: list[Visit], job: tuple[int, int]) -> None:
    """A piece of one camera's video, and its rows."""
    if stopped():
        return
    camera, first = job
    count = min(_PIECE, settings.frames - first)
    rows: list[MotRow] = []

    def pictures() -> Iterator[Crop]:
        for picture, found in film_scene(settings, camera, visits, first, count):
            rows.extend(found)
            yield picture

    video, boxes = _piece(work, camera, first)
    quality = round(18 + min(20.0, 6 * settings.nuisances.compression))
    rate = Fraction(FRAMES_PER_SECOND)
    write_video(video, pictures(), size=settings.size, rate=rate, quality=quality)
    write_mot(boxes, rows)


def _finish_camera(work: Path, settings: SceneSettings, camera: int, starts: range) -> None:
    """Put the pieces of one camera together."""
    name, pieces = f"cam{camera}", [_piece(work, camera, first) for first in starts]
    rows = [row for _, boxes in pieces if boxes.stat().st_size for row in read_mot(boxes).rows]
    write_mot(work / name / "gt" / "gt.txt", rows)
    join_videos(work / name / f"{name}.mp4", [video for video, _ in pieces])
    height, width = settings.size
    write_text(
        work / name / "seqinfo.ini",
        f"[Sequence]\nname={name}\nframeRate={FRAMES_PER_SECOND:g}\nseqLength={settings.frames}\n"
        f"imWidth={width}\nimHeight={height}\n",
    )


def _piece(work: Path, camera: int, first: int) -> tuple[Path, Path]:
    stem = work / "pieces" / f"{camera}_{first}"
    return stem.with_suffix(".mp4"), stem.with_suffix(".txt")
