"""The steps from videos to a page; each keeps what it made, so that a second call does only what is new."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from stca.errors import ConfigError, GalleryError, StcaError
from stca.find.options import FindOptions, FindResult
from stca.find.page import PAGE, is_our_page, write_page
from stca.footage.sources import require_distinct_cameras
from stca.footage.video import without_password
from stca.gallery import Gallery, add_tracklets
from stca.gallery.cross_camera import public_threshold
from stca.gallery.search import calibrate_gallery
from stca.linking import Linking, link_gallery
from stca.linking.linking import NoThresholdError
from stca.linking.persons import person_names
from stca.models import ReIDModel
from stca.runs.gallery_model import choose_model, lasting_name, open_encoder
from stca.runs.open_model import open_model
from stca.tools.files import locked
from stca.tools.progress import format_seconds
from stca.tracking import TrackOptions, VideoSummary, recorded_options, track_whole
from stca.tracking.appearance import CropEncoder
from stca.tracking.camera_folder.recorded import has_unconfirmed_motion
from stca.tracks import FoundTracklet, find_tracklets


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
        model = open_model(name)
        with _encoder(model, out / "tracks", options) as encoder:
            summaries, failed = _track(videos, out / "tracks", options.tracking, encoder, show=show)
        if failed and not summaries:
            raise failed[0][1]
        if others := _other_cameras(out / "tracks", summaries):
            say(f"1 of 4: {out} also holds {others}, shown too; another --out keeps them apart")
        linking, names = None, {}
        found = _tracklets(out / "tracks")
        if found:
            say(f"2 of 4: compare {len(found)} tracklets")
            with Gallery.open(out / "gallery", model=model, source=lasting_name(name)) as gallery:
                _add(gallery, model, found, options, say)
                say("3 of 4: from which score on it is the same person")
                error = _calibrate(gallery, model, options, say) if options.threshold is None else None
                say("4 of 4: link tracklets to persons, write the page")
                linking = _link(gallery, options.threshold, error)
                page = write_page(
                    gallery, linking, out / PAGE, by_motion=has_unconfirmed_motion(out / "tracks")
                )
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


def _encoder(
    model: ReIDModel, tracks: Path, options: FindOptions
) -> AbstractContextManager[CropEncoder | None]:
    """The network that says where a track changes its person.

    None where the tracks of an earlier call, of a version before this was there, were made without it: all
    of a folder are made in the same way.
    """
    earlier = recorded_options(tracks)
    if earlier and not any("appearance" in options for options in earlier):
        return nullcontext()
    return open_encoder(
        model,
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


def _calibrate(
    gallery: Gallery, model: ReIDModel, options: FindOptions, say: Callable[[str], None]
) -> GalleryError | None:
    """Calibrate searches, unless people had a say in the gallery's threshold; an error is returned.

    `link_gallery` chooses what persons are linked by, as it does for `stca link`.
    """
    across = public_threshold(gallery, far=options.far)
    kept = gallery.calibration()
    # Where there is no other, halves of tracklets are measured anew below, with the corrections.
    if kept and kept.by_people and (across or kept.method != "time split"):
        say(f"3 of 4: kept {kept.threshold:.4f}, which `stca calibrate` found from {kept.method}")
        return None
    if across:
        gallery.set_calibration(across)
        return None
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
        return error
    return None


def _link(gallery: Gallery, threshold: float | None, uncalibrated: GalleryError | None) -> Linking:
    try:
        return link_gallery(gallery, threshold=threshold)
    except NoThresholdError as error:
        raise GalleryError(
            "Nothing says from which score on two tracklets are one person",
            expected="tracklets of at least 8 crops, and two people whom one camera sees at once",
            found=(uncalibrated or error).found,
            where=gallery.where,
            hint="--threshold 0.6, and look at the page: a higher one splits, a lower one merges people",
        ) from (uncalibrated or error)
