"""What the child process does: pictures of all files of an upload, or a look at a video."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import simplejpeg
from PIL import Image

from stca.web.uploads import kinds
from stca.web.uploads.limits import UploadError, UploadLimits
from stca.web.uploads.pictures import decode_picture
from stca.web.uploads.zips import pictures_of_zip

_QUALITY = 90
_FIRST_FRAMES = 5


class Decoding:
    """Writes the pictures of all files into `frames/`.

    Args:
        limits: of the upload.

    """

    def __init__(self, limits: UploadLimits) -> None:
        self._limits = limits
        self._written = 0
        self._pictures: list[dict[str, Any]] = []

    def run(self, files: dict[str, str]) -> dict[str, Any]:
        """Decode files, given with their kinds, and return the manifest."""
        video = next((name for name, kind in files.items() if kind in kinds.VIDEOS), None)
        if video is not None and len(files) > 1:
            raise UploadError("A video is uploaded alone", expected="one video, or pictures")
        Path("frames").mkdir()
        if video is not None:
            rate = self._video(Path(video), files[video])
            return {"kind": "video", "rate": rate, "pictures": self._pictures}
        for source, (name, kind) in enumerate(files.items()):
            self._pictures_of(Path(name), kind, source)
        if not self._pictures:
            raise UploadError("No picture is in the zip", status=415, expected=", ".join(kinds.PICTURES))
        return {"kind": "pictures", "rate": None, "pictures": self._pictures}

    def _pictures_of(self, path: Path, kind: str, source: int) -> None:
        inputs = pictures_of_zip(path, self._limits) if kind == kinds.ZIP else [(path, kind)]
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
        from stca.web.uploads.videos import ROUNDING

        kept: dict[int, dict[str, Any]] = {}
        for picture in self._pictures:
            place = int(Fraction(picture["time"] + ROUNDING) // self.step)
            if kept.setdefault(place, picture) is not picture:
                path = Path("frames") / picture["file"]
                self._written -= path.stat().st_size
                path.unlink()
        self._pictures = list(kept.values())

    def _write(self, number: int, image: Any, *, source: int, time: float | None) -> None:
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


def check(files: dict[str, str], limits: UploadLimits) -> dict[str, Any]:
    """Whether a file, given with its kind, is a video, by its header and its first frames."""
    from stca.web.uploads.videos import StrangersVideo

    ((name, kind),) = files.items()
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


def kind_of(path: Path) -> str:
    """The kind of a file by its content.

    Raises:
        UploadError: it is of none that is accepted (415).

    """
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


def load_libraries(kind: str) -> None:
    """What is needed for a kind of files, before there are limits of memory, files and threads."""
    Image.preinit()  # JPEG, PNG, BMP, GIF
    if kind in ("WEBP", kinds.ZIP):
        import PIL.WebPImagePlugin  # noqa: F401
    if kind in kinds.VIDEOS:
        from stca.footage.containers import import_av
        from stca.web.uploads import videos  # noqa: F401

        import_av()


def _no_frame() -> UploadError:
    return UploadError("No frame of a video can be read", hint="copy or record it again")


def _too_much(what: str, most: int) -> UploadError:
    return UploadError("The upload holds too much", status=413, expected=f"at most {most:,} {what}")
