"""Decode an upload: a child process does it, and nothing that it says or writes is believed unchecked."""

from __future__ import annotations

import json
import logging
import math
import os
import re
import shutil
import signal
import stat
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from stca.tools.files import write_text
from stca.web.uploads.limits import QUERY, STATUSES, UploadError, UploadLimits
from stca.web.uploads.receiving import Received
from stca.web.uploads.running import Outcome, run_child
from stca.web.uploads.sandbox import NAMESPACE, PROTOCOLS

FRAMES, MANIFEST = "frames", "upload.json"
log = logging.getLogger(__name__)
_said_network = False


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of an upload, encoded anew as JPEG.

    Args:
        path: of the file.
        width, height: in pixels.
        time: seconds from a video's beginning; None for a picture.
        source: index of the uploaded file that it comes from.

    """

    path: Path
    width: int
    height: int
    time: float | None
    source: int


@dataclass(frozen=True, slots=True)
class DecodedUpload:
    """What an upload holds.

    Args:
        folder: of the upload; its name is the upload's id.
        kind: pictures (also of zips), or one video.
        rate: pictures a second of a video: every second, third ... frame of its first to its last second.
        pictures: at least one.
        labels: of the uploaded files, for display.
        notes: what of them was left out or damaged, for display.

    """

    folder: Path
    kind: Literal["pictures", "video"]
    rate: float | None
    pictures: tuple[Picture, ...]
    labels: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CheckedVideo:
    """What an uploaded video says of itself; its first frames could be decoded.

    Args:
        width, height: of the frames as shown, in pixels; at most `UploadLimits.largest_side`.
        frames, rate, seconds: None where it does not say.

    """

    width: int
    height: int
    frames: int | None
    rate: float | None
    seconds: float | None


def decode_upload(
    folder: Path, limits: UploadLimits = QUERY, received: Sequence[Received] | None = None
) -> DecodedUpload:
    """Decode the files in an upload's folder to JPEGs in `folder/frames`, and remove the files.

    It takes up to `limits.seconds_to_decode`, in a process that has no network and may use little else. When
    it fails, the folder stays as it is, for the caller to remove.

    Args:
        folder: where `receive` put the files.
        limits: of the decoding.
        received: the files and their labels; None: all files of the folder, without labels.

    Raises:
        UploadError: too much (413), no picture, video or zip (415), damaged or too slow (422).

    """
    files = [each.path.name for each in received] if received is not None else _files(folder)
    labels = tuple(each.label for each in received) if received is not None else ("upload",) * len(files)
    if not files:
        raise UploadError("No file was uploaded", status=422, expected="a picture, a video or a zip")
    answer = _ask(folder, {"check": False, "files": files}, limits)
    try:
        upload = _believed(folder, answer, labels, limits)
    except (KeyError, TypeError, ValueError, OverflowError, OSError) as error:
        raise _broken("a list of pictures that is none") from error
    for name in files:
        (folder / name).unlink(missing_ok=True)
    if upload.rate is not None:  # `open_source` reads it
        write_text(folder / FRAMES / "seqinfo.ini", f"[Sequence]\nframeRate={upload.rate!r}\n")
    write_text(folder / MANIFEST, json.dumps({**asdict(upload), "folder": ""}, default=_name))
    return upload


def check_video(path: Path, limits: UploadLimits) -> CheckedVideo:
    """Whether an uploaded file is a video within the limits, by its header and its first frames.

    Raises:
        UploadError: as `decode_upload`.

    """
    answer = _ask(path.parent, {"check": True, "files": [path.name]}, limits)
    try:
        facts = answer["video"]
        return CheckedVideo(
            width=_number(facts["width"], 1, 100_000),
            height=_number(facts["height"], 1, 100_000),
            frames=None if facts["frames"] is None else _number(facts["frames"], 0, limits.video_frames),
            rate=None if facts["rate"] is None else _real(facts["rate"]),
            seconds=None if facts["seconds"] is None else _real(facts["seconds"]),
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise _broken("facts of a video that are none") from error


def load_upload(folder: Path) -> DecodedUpload:
    """What `decode_upload` returned for this folder.

    Raises:
        FileNotFoundError: it was not decoded, or is removed.

    """
    content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    pictures = [{**each, "path": folder / FRAMES / each["path"]} for each in content["pictures"]]
    return DecodedUpload(
        folder=folder,
        kind=content["kind"],
        rate=content["rate"],
        pictures=tuple(Picture(**each) for each in pictures),
        labels=tuple(content["labels"]),
        notes=tuple(content["notes"]),
    )


def _name(path: object) -> str:
    assert isinstance(path, Path)
    return path.name


def _files(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir() if re.fullmatch(r"\d{4}-[0-9a-f]{32}", entry.name))


# ---- what the child says ----


def _ask(folder: Path, task: dict[str, Any], limits: UploadLimits) -> dict[str, Any]:
    """The child's answer.

    Raises:
        UploadError: it says that something is wrong, or it could not come to an answer.

    """
    global _said_network
    shutil.rmtree(folder / FRAMES, ignore_errors=True)
    outcome = run_child(folder, task, limits)
    answer = outcome.answer
    if answer is None:
        raise _ended(outcome, limits)
    if not _said_network and answer.get("network") in (NAMESPACE, PROTOCOLS):
        _said_network = True
        level = logging.INFO if answer["network"] == NAMESPACE else logging.WARNING
        log.log(level, "network of the processes that decode uploads: %s", answer["network"])
    error = answer.get("error")
    if error is None:
        return answer
    if not isinstance(error, dict):
        raise _broken("an error that is none")
    status = error.get("status")
    raise UploadError(
        _text(error.get("what")) or "A file cannot be decoded",
        status=status if status in STATUSES else 422,
        expected=_text(error.get("expected")),
        found=_text(error.get("found")),
        hint=_text(error.get("hint")),
    )


def _ended(outcome: Outcome, limits: UploadLimits) -> UploadError:
    slow = outcome.ended == "time" or outcome.status in (-signal.SIGXCPU, -signal.SIGKILL)
    if outcome.ended == "itself" and not slow:
        return _broken(f"it ended with status {outcome.status}")
    if not slow:
        return UploadError("The upload holds too much", status=413, hint="fewer or smaller files")
    return UploadError(
        "The upload takes too long to decode",
        expected=f"at most {limits.processor_seconds:g} s of computing",
        found=f"{outcome.processor_seconds:.1f} s",
        hint="a shorter or smaller video or picture",
    )


def _broken(found: str) -> UploadError:
    return UploadError("A file cannot be decoded", found=found, hint="save it anew with another program")


def _believed(
    folder: Path, answer: dict[str, Any], labels: tuple[str, ...], limits: UploadLimits
) -> DecodedUpload:
    """The upload by the child's manifest; every picture is looked at."""
    kind, pictures = answer["kind"], answer["pictures"]
    if kind not in ("pictures", "video") or not 0 < len(pictures) <= limits.pictures:
        raise ValueError
    checked = [
        _picture(folder, number, each, labels, limits, timed=kind == "video")
        for number, each in enumerate(pictures, start=1)
    ]
    extra = {entry.name for entry in (folder / FRAMES).iterdir()} - {each.path.name for each in checked}
    if extra or sum(each.path.stat().st_size for each in checked) > limits.written_bytes:
        raise ValueError
    notes = [text for note in answer["notes"][:100] if (text := _text(note))]
    rate = _real(answer["rate"]) if kind == "video" else None
    if rate is not None and not 0.001 <= rate <= 1000:
        raise ValueError
    return DecodedUpload(folder, kind, rate, tuple(checked), labels, tuple(notes))


def _picture(
    folder: Path,
    number: int,
    each: dict[str, Any],
    labels: Sequence[str],
    limits: UploadLimits,
    *,
    timed: bool,
) -> Picture:
    path = folder / FRAMES / f"{number:06d}.jpg"
    if each["file"] != path.name:
        raise ValueError
    width, height = jpeg_size(path, most=limits.written_bytes)
    if (width, height) != (each["width"], each["height"]) or max(width, height) > limits.largest_side:
        raise ValueError
    time = _real(each["time"]) if timed else None
    return Picture(path, width, height, time, _number(each["source"], 0, len(labels) - 1))


def jpeg_size(path: Path, *, most: int) -> tuple[int, int]:
    """Width and height of a JPEG by its markers; neither a link nor anything else than a file is opened.

    Raises:
        ValueError, OSError: it is no JPEG, or larger than `most` bytes.

    """
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:  # noqa: PTH123
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_size > most or file.read(2) != b"\xff\xd8":
            raise ValueError(path.name)
        while (marker := file.read(4)) and marker[0] == 0xFF and len(marker) == 4:
            length = int.from_bytes(marker[2:], "big")
            if marker[1] in (0xC0, 0xC1, 0xC2):
                frame = file.read(5)
                return int.from_bytes(frame[3:], "big"), int.from_bytes(frame[1:3], "big")
            file.seek(max(0, length - 2), 1)
    raise ValueError(path.name)


def _text(value: object) -> str | None:
    """A text of the child's, for display: one line of printable characters, 400 at most."""
    if not isinstance(value, str):
        return None
    text = re.sub(r" ?'?\b\d{4}-[0-9a-f]{8,32}\b'?", "", value[:400])  # what `receive` calls a file
    return "".join(c if c.isprintable() else " " for c in text)


def _number(value: object, least: int, most: int) -> int:
    if type(value) is not int or not least <= value <= most:
        raise ValueError(value)
    return value


def _real(value: object) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):  # type: ignore[arg-type]
        raise ValueError(value)
    return float(value)  # type: ignore[arg-type]
