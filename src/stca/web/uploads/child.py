"""The process that decodes a stranger's files. It gets its task on stdin and answers on stdout, both JSON.

`stca.web.uploads.running` starts it, in the folder of the upload and with rights taken away.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from fractions import Fraction
from pathlib import Path
from typing import Any

from stca.web.uploads.limits import UploadLimits
from stca.web.uploads.sandbox import end_with_parent, isolate_network, limit_resources

MOST_NOTES = 20
_QUALITY = 90
_FIRST_FRAMES = 5


def main() -> None:
    """Do one task, and answer with a manifest or an error."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints is no answer
    task = json.load(sys.stdin)
    network = isolate_network()  # before the libraries, which may start threads
    end_with_parent(task["parent"])  # after it, since new rights end this
    limits = UploadLimits(**task["limits"])
    answer = {"network": network, **_answer(task, limits)}
    json.dump(answer, answers)
    answers.close()


def _answer(task: dict[str, Any], limits: UploadLimits) -> dict[str, Any]:
    """Everything that goes wrong is an answer too: the files may be made for that."""
    try:
        from stca.errors import StcaError
        from stca.web.uploads import videos, zips  # noqa: F401 (before the limits)
        from stca.web.uploads.errors import UploadError

        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            _warm_up()
            limit_resources(limits)
            try:
                done = _check(task, limits) if task["check"] else _Decoding(limits).run(task["files"])
            except UploadError as error:
                return _error(error.status, error)
            except StcaError as error:
                return _error(422, error)
        notes = [str(warning.message)[:300] for warning in caught]
        return {**done, "notes": [*done.pop("notes", []), *notes][:MOST_NOTES]}
    except MemoryError:
        return {"error": {"status": 413, "what": "Decoding needs too much memory", "hint": "smaller files"}}
    except Exception as error:
        return {"error": {"status": 422, "what": "A file cannot be decoded", "found": type(error).__name__}}


def _warm_up() -> None:
    """Load the libraries before the limits, so that these are for the decoding alone."""
    import simplejpeg  # noqa: F401
    from PIL import Image

    from stca.footage.containers import import_av

    Image.init()
    import_av()


def _error(status: int, error: Any) -> dict[str, Any]:
    words = {name: getattr(error, name) for name in ("what", "expected", "found", "hint")}
    return {"error": {"status": status, **{k: None if v is None else str(v)[:400] for k, v in words.items()}}}


class _Decoding:
    """Writes the pictures of all files into `frames/`.

    Args:
        limits: of the upload.

    """

    def __init__(self, limits: UploadLimits) -> None:
        self._limits = limits
        self._written = 0
        self._pictures: list[dict[str, Any]] = []
        self._notes: list[str] = []

    def run(self, files: list[str]) -> dict[str, Any]:
        """Decode all of them, and return the manifest."""
        from stca.web.uploads import kinds
        from stca.web.uploads.errors import UploadError

        found = {name: _kind(Path(name)) for name in files}
        video = next((name for name, kind in found.items() if kind in kinds.VIDEOS), None)
        if video is not None and len(files) > 1:
            raise UploadError("A video is uploaded alone", expected="one video, or pictures")
        Path("frames").mkdir()
        if video is not None:
            rate = self._video(Path(video), found[video])
            return {"kind": "video", "rate": rate, "pictures": self._pictures, "notes": self._notes}
        for source, (name, kind) in enumerate(found.items()):
            self._pictures_of(Path(name), kind, source)
        if not self._pictures:
            raise UploadError("No picture is in the zip", status=415, expected=", ".join(kinds.PICTURES))
        return {"kind": "pictures", "rate": None, "pictures": self._pictures, "notes": self._notes}

    def _pictures_of(self, path: Path, kind: str, source: int) -> None:
        from stca.web.uploads.kinds import ZIP
        from stca.web.uploads.pictures import decode_picture
        from stca.web.uploads.zips import pictures_of_zip

        inputs = pictures_of_zip(path, self._limits) if kind == ZIP else [(path, kind)]
        for content, each in inputs:
            if len(self._pictures) >= self._limits.pictures:
                raise _too_much("pictures", self._limits.pictures)
            image = decode_picture(content, each, self._limits)
            self._write(len(self._pictures) + 1, image, source=source, time=None)

    def _video(self, path: Path, kind: str) -> float:
        """Pictures at even distances over the whole video; returns how many a second."""
        from stca.web.uploads.videos import StrangersVideo

        video = StrangersVideo(path, kind, self._limits)
        try:
            self.step = Fraction(1) / Fraction(self._limits.pictures_a_second).limit_denominator(1000)
            for number, frame in enumerate(video.frames(self.step), start=1):
                self._write(number, frame.image, source=0, time=frame.time)
                if len(self._pictures) > self._limits.pictures:
                    self.step *= 2
                    video.step = self.step
                    self._thin_out()
        finally:
            video.close()
        if not self._pictures:
            raise _no_frame()
        for number, picture in enumerate(self._pictures, start=1):
            name = f"{number:06d}.jpg"
            (Path("frames") / picture["file"]).rename(Path("frames") / name)
            picture["file"] = name
        return float(1 / self.step)

    def _thin_out(self) -> None:
        """Keep the first picture of every step, after the step was doubled."""
        kept: dict[int, dict[str, Any]] = {}
        for picture in self._pictures:
            place = int(Fraction(picture["time"] + 1e-4) // self.step)
            if kept.setdefault(place, picture) is not picture:
                path = Path("frames") / picture["file"]
                self._written -= path.stat().st_size
                path.unlink()
        self._pictures = list(kept.values())

    def _write(self, number: int, image: Any, *, source: int, time: float | None) -> None:
        import numpy as np
        import simplejpeg

        data = simplejpeg.encode_jpeg(np.ascontiguousarray(image), quality=_QUALITY, colorspace="RGB")
        self._written += len(data)
        if self._written > self._limits.written_bytes:
            raise _too_much("bytes of pictures", self._limits.written_bytes)
        name = f"{number:06d}.jpg"
        with (Path("frames") / name).open("xb") as file:
            file.write(data)
        height, width = image.shape[:2]
        self._pictures.append(
            {"file": name, "width": width, "height": height, "time": time, "source": source}
        )


def _check(task: dict[str, Any], limits: UploadLimits) -> dict[str, Any]:
    """Whether the file is a video, by its header and its first frames."""
    from stca.web.uploads import kinds
    from stca.web.uploads.errors import UploadError
    from stca.web.uploads.videos import StrangersVideo

    (name,) = task["files"]
    kind = _kind(Path(name))
    if kind not in kinds.VIDEOS:
        raise UploadError(
            "This is no video", status=415, expected="MP4, MOV, MKV, WebM, AVI or TS", found=kind
        )
    video = StrangersVideo(Path(name), kind, limits)
    try:
        size = 0, 0
        for number, frame in enumerate(video.frames(None), start=1):
            size = frame.image.shape[1], frame.image.shape[0]
            if number == _FIRST_FRAMES:
                break
        if size == (0, 0):
            raise _no_frame()
        facts = {"width": size[0], "height": size[1], "frames": video.num_frames}
        return {"video": {**facts, "rate": video.rate, "seconds": video.seconds}}
    finally:
        video.close()


def _kind(path: Path) -> str:
    from stca.web.uploads import kinds
    from stca.web.uploads.errors import UploadError

    with path.open("rb") as file:
        start = file.read(kinds.BYTES)
    kind = kinds.recognise(start)
    if kind is None:
        heif = kinds.is_heif(start)
        raise UploadError(
            "A file is of a kind that is not accepted",
            status=415,
            expected=kinds.EXPECTED,
            found="a HEIC or AVIF picture" if heif else "something else, whatever its name says",
            hint="save it as JPEG" if heif else None,
        )
    return kind


def _no_frame() -> Exception:
    from stca.web.uploads.errors import UploadError

    return UploadError("No frame of a video can be read", hint="copy or record it again")


def _too_much(what: str, most: int) -> Exception:
    from stca.web.uploads.errors import UploadError

    return UploadError("The upload holds too much", status=413, expected=f"at most {most:,} {what}")


if __name__ == "__main__":
    main()
