"""What a camera's folder records of how its tracks were made, and whether a run may go on in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, TypeGuard

from stca.boxes import VIDEO_FILE, read_video_file
from stca.catalogue import NETWORKS
from stca.errors import ConfigError, DatasetError
from stca.tracking.detectors.detect import PACKAGED

BOXES_FILE, LIVE_FOLDER, LOCK_FILE = ".boxes", ".live", ".lock"
_SUMMARY_KEYS = ("finished", "frames", "tracks")


def read_camera_folder(folder: Path, settings: Mapping[str, Any]) -> dict[str, Any] | None:
    """What video.json of a camera's folder says; None in one that nothing was tracked into.

    Raises:
        ConfigError: it was made with other settings.
        DatasetError: it holds other files, or its video.json is damaged.

    """
    path = folder / VIDEO_FILE
    if not path.exists():
        if others := [entry.name for entry in folder.iterdir() if not _may_stay(entry)]:
            raise DatasetError(
                "A camera's folder holds other files",
                expected=f"an empty folder, or one that `stca track` wrote ({VIDEO_FILE})",
                found=", ".join(sorted(others)[:5]),
                where=folder,
                hint="use another --out or another --camera",
            )
        return None
    metadata = read_video_file(folder)
    if metadata is None or not _is_whole(metadata):
        raise _damaged(path, metadata)
    for name, value in settings.items():
        if metadata.get(name) != value:
            raise _made_otherwise(name, metadata.get(name), value, folder)
    return metadata


def _damaged(path: Path, found: object) -> DatasetError:
    try:
        if path.is_file():
            path.open("rb").close()
    except OSError as error:
        return DatasetError(f"A {VIDEO_FILE} cannot be read", found=error.strerror, where=path)
    return DatasetError(
        f"A {VIDEO_FILE} is damaged",
        expected=f"what `stca track` wrote, with {', '.join(_SUMMARY_KEYS)}",
        found="nothing that can be read as a JSON object" if found is None else found,
        where=path,
        hint=f"use another --out, or remove {path.parent} and track the video again",
    )


def _made_otherwise(name: str, before: object, now: object, folder: Path) -> ConfigError:
    """Only what differs is shown, of options that there are many of."""
    hint = f"use another --out, or remove {folder}"
    if name == "identity" and _is_identity(before) and _is_identity(now):
        return _changed(before, now, folder)
    what = f"another {name}"
    if isinstance(before, dict) and isinstance(now, dict):
        differ = sorted(key for key in {*before, *now} if before.get(key, ...) != now.get(key, ...))
        before, now = (
            ", ".join(f"{key}: {_said(options.get(key))}" for key in differ) for options in (before, now)
        )
        what = "other options"
        if differ == ["confirm"]:
            hint = "leave out --detector, as when they were made, or " + hint
    if name == "detector" and _is_packaged(before) and _is_packaged(now):
        what = f"the {PACKAGED} of another version of the package"
    return ConfigError(
        f"The tracks in this folder were made with {what}",
        expected=before,
        found=now,
        where=folder,
        hint=hint,
    )


def _is_identity(found: object) -> TypeGuard[list[int]]:
    return isinstance(found, list) and len(found) == 2 and all(type(number) is int for number in found)


def _changed(before: list[int], now: list[int], folder: Path) -> ConfigError:
    """Size and time of the last change of a video; of a folder's images, their number and the latest."""
    return ConfigError(
        "The video has changed since it was tracked into this folder",
        expected=_version(before),
        found=_version(now),
        where=folder,
        hint=f"use another --out, or remove {folder}; a copy with the date of the original (cp -p) goes on",
    )


def _version(identity: list[int]) -> str:
    size, changed = identity
    with suppress(ValueError, OverflowError, OSError):
        date = f"{datetime.fromtimestamp(changed // 10**9):%Y-%m-%d %H:%M:%S}.{changed % 10**9:09d}"
        return f"{size:,} bytes or images, last changed {date}"
    return str(identity)


def _said(value: object) -> object:
    return "not given" if value is None else value


def _is_packaged(detector: object) -> bool:
    return isinstance(detector, str) and detector.split(" ")[0] == PACKAGED


def _is_whole(metadata: Mapping[str, Any]) -> bool:
    """Whether there is everything that a run needs which goes on."""
    try:
        return not metadata["finished"] or all(int(metadata[name]) >= 0 for name in _SUMMARY_KEYS)
    except (KeyError, ValueError, TypeError, OverflowError):
        return False


def _may_stay(entry: Path) -> bool:
    """Whether a folder without video.json may hold this entry.

    Visible entries belong to the user; so do hidden ones that have one of our names but are not empty.
    """
    if entry.name == LOCK_FILE:
        return entry.stat().st_size == 0
    if entry.name == LIVE_FOLDER:
        return entry.is_dir() and not any(entry.iterdir())
    return entry.name.startswith(".") and entry.name != BOXES_FILE


def recorded_detectors(tracks: Path) -> set[str]:
    """The names of the detectors that the cameras in a folder of tracks were tracked with.

    A network's digest is left out; folders of external tracks name none.
    """
    return _detectors(_recorded(tracks))


def _detectors(recorded: Iterable[Mapping[str, Any]]) -> set[str]:
    names = [facts.get("detector") for facts in recorded]
    return {name.rpartition(" ")[0] or name for name in names if isinstance(name, str)}


def detector_of(tracks: Path) -> str | None:
    """The detector of the catalogue that a whole folder of tracks was made with, if it is one.

    Raises:
        DatasetError: a video.json is damaged or cannot be read, so that nobody knows.

    """
    recorded = []
    for path in tracks.glob(f"*/{VIDEO_FILE}"):
        if (facts := read_video_file(path.parent)) is None:
            raise DatasetError(
                "Nobody knows how a folder beside was tracked, so no detector can be chosen after it",
                expected=f"a {VIDEO_FILE} that `stca track` wrote",
                found="nothing that can be read as a JSON object",
                where=path,
                hint="--detector NAME (auto: as for a new folder), or another --out",
            )
        recorded.append(facts)
    before = _detectors(recorded)
    name = before.pop() if len(before) == 1 else None
    return name if name in NETWORKS else None


def has_unconfirmed_motion(tracks: Path) -> bool:
    """Whether a camera in a folder of tracks was tracked by motion alone, which finds more than people."""
    for facts in _recorded(tracks):
        options = facts.get("options")
        confirmed = isinstance(options, dict) and options.get("confirm") is True
        if facts.get("detector") == "motion" and not confirmed:
            return True
    return False


def recorded_options(tracks: Path) -> list[Mapping[str, Any]]:
    """The options that each camera in a folder of tracks was tracked with, as it records them."""
    options = [facts.get("options") for facts in _recorded(tracks)]
    return [each if isinstance(each, dict) else {} for each in options]


def _recorded(tracks: Path) -> Iterator[Mapping[str, Any]]:
    """What every camera's folder records; damaged files are passed over."""
    for path in tracks.glob(f"*/{VIDEO_FILE}"):
        if (facts := read_video_file(path.parent)) is not None:
            yield facts
