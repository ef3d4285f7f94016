"""The steps from videos to a page; each keeps what it made, so that a second call does only what is new."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from stca.errors import ConfigError, GalleryError, StcaError
from stca.find.page import PAGE, is_our_page, write_page
from stca.footage.sources import require_distinct_cameras
from stca.footage.video import without_password
from stca.gallery import Gallery, add_tracklets
from stca.gallery.cross_camera import calibrate_across
from stca.gallery.search import calibrate_gallery
from stca.linking import Linking, link_gallery
from stca.linking.persons import person_names
from stca.linking.threshold import threshold_of_pairs
from stca.models import ReIDModel
from stca.runs.gallery_model import choose_model, open_encoder, open_gallery
from stca.runs.open_model import open_model
from stca.tools.files import locked
from stca.tools.progress import format_seconds
from stca.tracking import TrackOptions, VideoSummary, track_whole
from stca.tracking.appearance import CropEncoder
from stca.tracks import FoundTracklet, find_tracklets


@dataclass(frozen=True)
class FindOptions:
    """How to find people.

    Args:
        tracking: of every video.
        model: as `stca.runs.open_model` takes it; None: that of `out/gallery`, or the best at hand
            (`stca.runs.gallery_model.default_model`).
        threshold: least mean cosine of two groups that are one person; None: from people whom one camera
            sees at once, else by calibration.
        far: false-accept rate of a search that the calibration aims at.
        device: "auto", "cpu" or "cuda".
        precision: "float32", "bf16" or "auto".
        batch_size: clips per forward pass.
        workers: processes that decode crops.

    Raises:
        ConfigError: a rate or a threshold out of its range.

    """

    tracking: TrackOptions = field(default_factory=TrackOptions)
    model: str | None = None
    threshold: float | None = None
    far: float = 0.01
    device: str = "auto"
    precision: str = "auto"
    batch_size: int = 16
    workers: int = 2

    def __post_init__(self) -> None:
        if not 0 < self.far < 1:
            raise ConfigError(
                "A false-accept rate lies between 0 and 1", expected="for example 0.01", found=self.far
            )
        if self.threshold is not None and not -1 <= self.threshold <= 1:
            raise ConfigError(
                "A threshold is a cosine", expected="a number from -1 to 1", found=self.threshold
            )


@dataclass(frozen=True)
class FindResult:
    """What was found.

    Args:
        page: a self-contained HTML file.
        linking: persons and their tracklets; None where no video shows anybody.
        videos: a summary for every video that could be tracked.
        failed: video and error of those that could not.
        seconds: it all took.
        names: that people have given to persons, by number.

    """

    page: Path
    linking: Linking | None
    videos: tuple[VideoSummary, ...]
    failed: tuple[tuple[str, StcaError], ...]
    seconds: float
    names: Mapping[int, str] = field(default_factory=dict)


def find_people(
    videos: Sequence[str], out: Path, options: FindOptions | None = None, *, show: bool = False
) -> FindResult:
    """Find the people of several videos, and who is who in them.

    Leaves `out/tracks` (crops), `out/gallery` (vectors) and `out/people.html`. A second call with more videos
    tracks and embeds only what is new; persons are then linked again over everything in `out`. A video that
    cannot be read does not stop the others.

    Args:
        videos: files or folders of images; each is a camera of its own.
        out: a folder, made if need be.
        options: None for `FindOptions()`.
        show: tell each step and its progress on stderr.

    Raises:
        ConfigError: two videos of one name, or `out` cannot be made, holds another `people.html`, or another
            process works in it.
        GalleryError: `out/gallery` was made by another model.
        StcaError: no video could be read (the first one's error), or a package is not installed.

    """
    options = options or FindOptions()
    begin = time.monotonic()
    say = _announce if show else (lambda words: None)
    require_distinct_cameras(
        videos,
        hint="rename one of them, or `stca track --camera NAME` for each, then `stca gallery add` and "
        "`stca link`",
    )
    _prepare(out)
    with locked(out / ".lock", taken="Another process works in this folder", hint="another --out"):
        name = choose_model(out / "gallery", options.model)
        say(f"1 of 4: find and follow people in {len(videos)} video{'s' * (len(videos) > 1)}")
        with _encoder(name, out / "tracks", options) as encoder:
            summaries, failed = _track(videos, out / "tracks", options.tracking, encoder, show=show)
        if failed and not summaries:
            raise failed[0][1]
        if others := _other_cameras(out / "tracks", summaries):
            say(f"1 of 4: {out} also holds {others}, shown too; another --out keeps them apart")
        linking, names = None, {}
        found = _tracklets(out / "tracks")
        if found:
            say(f"2 of 4: compare {len(found)} tracklets")
            gallery, model = open_gallery(out / "gallery", name)
            with gallery:
                _add(gallery, model, found, options, say)
                say("3 of 4: from which score on it is the same person")
                threshold = _threshold(gallery, model, options, say)
                say("4 of 4: link tracklets to persons, write the page")
                linking = link_gallery(gallery, threshold=threshold)
                page = write_page(gallery, linking, out / PAGE)
                names = person_names(gallery)
        else:
            page = write_page(None, None, out / PAGE)
    return FindResult(page, linking, tuple(summaries), tuple(failed), time.monotonic() - begin, names)


def _prepare(out: Path) -> None:
    """Make the folder; raise ConfigError where it cannot be one, or holds a page that is not ours."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            "This folder cannot be made", found=error.strerror, where=out, hint="another --out"
        ) from error
    page = out / PAGE
    if page.exists() and not is_our_page(page):
        raise ConfigError(
            "There is another file where the page would be written", where=page, hint="another --out"
        )


def _announce(words: str) -> None:
    print(f"step {words}", file=sys.stderr, flush=True)


def _other_cameras(tracks: Path, summaries: Sequence[VideoSummary]) -> str:
    """Cameras of earlier calls, as words."""
    named = {summary.folder.name for summary in summaries}
    return ", ".join(
        sorted(folder.name for folder in tracks.iterdir() if folder.is_dir() and folder.name not in named)
    )


def _encoder(name: str, tracks: Path, options: FindOptions) -> AbstractContextManager[CropEncoder | None]:
    """The network that says where a track changes its person.

    None where the tracks of an earlier call, of a version before this was there, were made without it: all
    of a folder are made in the same way.
    """
    earlier = [path.read_text(encoding="utf-8") for path in tracks.glob("*/video.json")]
    if earlier and not any('"appearance"' in text for text in earlier):
        return nullcontext()
    return open_encoder(
        open_model(name),
        device=options.device,
        precision=options.precision,
        batch_size=options.batch_size,
    )


def _track(
    videos: Sequence[str],
    out: Path,
    options: TrackOptions,
    encoder: CropEncoder | None,
    *,
    show: bool,
) -> tuple[list[VideoSummary], list[tuple[str, StcaError]]]:
    summaries: list[VideoSummary] = []
    failed: list[tuple[str, StcaError]] = []
    for number, video in enumerate(videos, start=1):
        begin = time.monotonic()
        try:
            summaries.append(track_whole(video, out, options, encoder=encoder, show=show))
        except StcaError as error:
            failed.append((without_password(video), error))
            if show and len(videos) > 1:  # the error of a single one is raised
                print(f"error: {without_password(video)}: {error}", file=sys.stderr)
            continue
        if show:
            summary = summaries[-1]
            took = f"in {format_seconds(time.monotonic() - begin)}" if summary.seconds else "done before"
            words = f"{summary.tracklets} tracklets in {summary.frames} frames, {took}"
            print(f"  video {number} of {len(videos)}, {summary.video}: {words}", file=sys.stderr, flush=True)
    return summaries, failed


def _tracklets(tracks: Path) -> list[FoundTracklet]:
    """None where nobody was seen, which is no error here."""
    if not any(tracks.rglob("tracklet.json")):
        return []
    return find_tracklets(tracks)


def _add(
    gallery: Gallery,
    model: ReIDModel,
    found: Sequence[FoundTracklet],
    options: FindOptions,
    say: Callable[[str], None],
) -> None:
    """Embed what is new; rows of crops that are no longer in the tracks folder leave the gallery.

    Rows from other folders, which somebody added, stay.
    """
    tracks = gallery.path.absolute().parent / "tracks"
    ours = {
        record.key
        for record in gallery.records()
        if record.folder is not None and record.folder.absolute().is_relative_to(tracks)
    }
    gone = ours - {tracklet.key for tracklet in found}
    gallery.remove(*sorted(gone))
    done = add_tracklets(
        gallery,
        model,
        found,
        replace=True,
        device=options.device,
        precision=options.precision,
        batch_size=options.batch_size,
        workers=options.workers,
    )
    if done.forgotten:
        say(f"2 of 4: {done.forgotten} tracklets were forgotten, and are not added again")


def _threshold(
    gallery: Gallery, model: ReIDModel, options: FindOptions, say: Callable[[str], None]
) -> float | None:
    """The wanted threshold, else one from people seen at once; None: the gallery's own.

    The gallery's is calibrated here, unless people had a say in it.
    """
    if options.threshold is not None:
        return options.threshold
    across = calibrate_across(gallery.fingerprint, far=options.far, rows=len(gallery), source=gallery.source)
    kept = gallery.calibration()
    # Where there is no other, halves of tracklets are measured anew below, with the corrections.
    if kept and kept.by_people and (across or kept.method != "time split"):
        say(f"3 of 4: kept {kept.threshold:.4f}, which `stca calibrate` found from {kept.method}")
        return None
    at_once = threshold_of_pairs(*gallery.table())
    if across:
        gallery.set_calibration(across)
        return at_once
    try:
        calibrate_gallery(
            gallery,
            model,
            far=options.far,
            device=options.device,
            precision=options.precision,
            batch_size=options.batch_size,
            workers=options.workers,
        )
    except GalleryError as error:
        if at_once is not None:
            return at_once
        raise GalleryError(
            "Nothing says from which score on two tracklets are one person",
            expected="tracklets of at least 8 crops, and two people whom one camera sees at once",
            found=error.found,
            where=gallery.path,
            hint="--threshold 0.6, and look at the page: a higher one splits, a lower one merges people",
        ) from error
    return at_once
