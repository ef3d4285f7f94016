"""Opening videos by PyAV (FFmpeg): which files and addresses are read, and which stream of them."""

from __future__ import annotations

import errno
import re
from pathlib import Path
from types import ModuleType
from typing import Any

from stca.errors import FrameError, StcaError, first_line

VIDEO_SUFFIXES = frozenset(
    [
        *(".mp4", ".m4v", ".mov", ".3gp", ".mkv", ".webm", ".avi", ".ts", ".mts", ".m2ts", ".mpg", ".mpeg"),
        *(".vob", ".flv", ".wmv", ".asf", ".ogv", ".mjpeg", ".mjpg", ".dav", ".mxf"),
        *(".264", ".h264", ".265", ".h265", ".hevc"),
    ]
)
"""Of files that are taken for videos where a folder is searched for one; in lower case."""

FILE_FORMATS = (
    "mov", "matroska", "avi", "mpegts", "mpeg", "mpegvideo", "m4v", "flv", "ogg", "asf", "dv", "mxf", "nut",
    "ivf", "dhav", "gif", "mjpeg", "mpjpeg", "h261", "h263", "h264", "hevc", "vvc", "av1", "obu", "vc1",
    "yuv4mpegpipe", "rm", "wtv", "nsv", "ty", "gxf",
)  # fmt: skip
"""FFmpeg's names of the containers and bare streams that a file may be. All others are refused, above all
those that are scripts or lists and name other files: concat, hls, dash, sdp, image2."""

_SOUND_FORMATS = ("wav", "mp3", "flac", "aac", "aiff")  # opened only to say that there is no video in them

ADDRESS_FORMATS = (*FILE_FORMATS, "rtsp", "rtp", "hls", "dash", "live_flv", "jpeg_pipe", "webvtt")
ADDRESS_PROTOCOLS = (
    "rtsp", "rtsps", "http", "https", "rtmp", "rtmps", "rtmpt", "rtmpts", "srt", "rtp", "udp", "tcp",
)  # fmt: skip
"""What an address may begin with."""

_CARRYING = (*ADDRESS_PROTOCOLS, "tls", "srtp", "crypto", "data", "httpproxy", "ffrtmphttp")

_SECRET = re.compile(
    r"(?i)(?<![a-z])(user|username|usr|pass|passwd|password|pwd|token|auth|secret|key|api_?key)=[^&/?#]*&?"
)
_LISTS = {
    "concat": "a script (ffconcat) that names other files",
    "hls": "a playlist (HLS) that names other files",
    "dash": "a manifest (DASH) that names other files",
    "sdp": "a session description (SDP) that names an address",
}
_BEGINNINGS = {
    b"ffconcat": "concat",
    b"#EXTM3U": "hls",
    b"<MPD": "dash",
    b"v=0\r": "sdp",
    b"v=0\n": "sdp",
}


def is_address(place: Path | str) -> bool:
    """Whether it is an address (`rtsp://...`), and not a path."""
    return re.match(r"[A-Za-z][\w+.-]*://", str(place)) is not None


def open_container(place: Path | str, **options: Any) -> Any:
    """PyAV's container of a video file or an address; `options` go to `av.open`.

    A path is only ever read as a file, whatever its name looks like (`10:00:00.mp4`, `concat:a|b`), and only
    as one of `FILE_FORMATS`. An address may begin with one of `ADDRESS_PROTOCOLS`, and what it answers cannot
    make FFmpeg open a local file.

    Raises:
        StcaError: PyAV is not installed.
        FrameError: it cannot be opened, or is no video.

    """
    av = import_av()
    address = is_address(place)
    if address:
        _check_protocol(str(place))
    formats = ADDRESS_FORMATS if address else FILE_FORMATS + _SOUND_FORMATS
    allowed = {
        "protocol_whitelist": ",".join(_CARRYING) if address else "file",
        "format_whitelist": ",".join(formats),
    }
    options["options"] = {**allowed, **options.get("options", {})}
    try:
        return av.open(str(place) if address else f"file:{place}", **options)
    except (av.error.FFmpegError, ValueError) as error:
        raise _cannot_open(place, error) from error


def _check_protocol(address: str) -> None:
    protocol = address.partition("://")[0].lower()
    if protocol not in ADDRESS_PROTOCOLS:
        raise FrameError(
            f"An address cannot begin with {protocol}://",
            expected=", ".join(f"{known}://" for known in ADDRESS_PROTOCOLS),
            where=without_password(address),
            hint="for a file, give its path alone" if protocol == "file" else "another address, or a path",
        )


def _cannot_open(place: Path | str, error: Exception) -> FrameError:
    shown = without_password(place)
    log = getattr(error, "log", None) or (0, "", "")
    if is_address(place):
        return FrameError(
            "Cannot open a video",
            expected="an address that answers with a video",
            found=getattr(error, "strerror", None) or first_line(error),
            where=shown,
            hint="check the address, user and password, and whether the camera is on",
        )
    kind = _list_format(Path(place)) or (log[1] if "whitelist" in log[2] else "")
    if kind in _LISTS:
        return FrameError(
            "A file is no video but a list of others",
            expected="a video file",
            found=_LISTS[kind],
            where=shown,
            hint="give the video itself, one call for each, or the address of the stream (http://, rtsp://)",
        )
    if kind or getattr(error, "errno", None) == errno.EINVAL:  # what FFmpeg says to a format not allowed
        return FrameError(
            "Cannot open a video",
            expected=f"one of FFmpeg's formats {', '.join(FILE_FORMATS)}",
            found=f"the format {kind}" if kind else "another format",
            where=shown,
            hint="convert it: ffmpeg -i FILE -c:v libx264 out.mp4",
        )
    return FrameError(
        "Cannot open a video",
        expected="a video file that FFmpeg reads",
        found=getattr(error, "strerror", None) or first_line(error),
        where=shown,
        hint=_UNFINISHED if _is_unfinished(Path(place)) else _LOOK,
    )


_LOOK = "check the path; if a player cannot show it either, copy or record it again"
_UNFINISHED = (
    "an MP4 without its index (moov): copy it again; if its recording was cut off, a repair tool is needed"
)


def _is_unfinished(path: Path) -> bool:
    """Whether a file begins as an MP4 does; FFmpeg, which could not open it, then lacked its index."""
    return _beginning(path)[4:8] in (b"ftyp", b"mdat", b"free", b"wide")


def _beginning(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(4096)
    except (OSError, ValueError):
        return b""


def _list_format(path: Path) -> str | None:
    """The name of the list or script format that a file's first bytes are of."""
    text = _beginning(path).removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"<?xml") and b"<MPD" in text:
        return "dash"
    return next((kind for mark, kind in _BEGINNINGS.items() if text.startswith(mark)), None)


def without_password(place: Path | str) -> str:
    """A place as it may be printed.

    Of an address: without user and password, before the host or among the parameters. Of a path: bytes that
    are no UTF-8 as `%E9`.
    """
    if not is_address(place):
        return printable(str(place))
    shown = re.sub(r"(?<=://)[^?#]*@", "", str(place))  # up to the last @: a password may have a / in it
    return _SECRET.sub("", shown).rstrip("?&")


def printable(name: str) -> str:
    """A file name that can be printed and written as UTF-8.

    Bytes that are no UTF-8, and control characters, which a terminal would obey, become `%E9`.
    """
    return re.sub("[\x00-\x1f\x7f-\x9f\udc80-\udcff]", lambda found: f"%{ord(found[0]) & 0xFF:02X}", name)


def video_stream(container: Any, place: Path | str) -> Any:
    """The stream of a container that a player would show.

    Cover pictures and thumbnails are none. Of several, those that are marked as default come first, then the
    one with the most pixels, then the first.

    Raises:
        FrameError: there is none.

    """
    found = video_streams(container)
    if not found:
        kinds = ", ".join(_kind(stream) for stream in container.streams) or "no stream"
        # Without its index, FFmpeg may take an MP4 for something else.
        mistaken = (
            "mov" not in container.format.name and not is_address(place) and _is_unfinished(Path(place))
        )
        raise FrameError(
            "A file has no video in it",
            expected="a video stream",
            found=kinds,
            where=without_password(place),
            hint=_UNFINISHED if mistaken else "give the file that has the pictures",
        )
    return found[0]


def video_streams(container: Any) -> list[Any]:
    """All streams with moving pictures, the best first; see `video_stream`."""
    disposition = import_av().stream.Disposition
    pictures = disposition.attached_pic | disposition.timed_thumbnails
    moving = [s for s in container.streams.video if not s.disposition & pictures and s.codec_context]
    return sorted(
        moving,
        key=lambda s: (not s.disposition & disposition.default, -s.width * s.height, s.index),
    )


def _kind(stream: Any) -> str:
    return "a cover picture" if stream.type == "video" else str(stream.type)


def import_av() -> ModuleType:
    """PyAV.

    Raises:
        StcaError: it is not installed.

    """
    try:
        import av
    except ImportError as error:
        raise StcaError("Videos need PyAV", found=error, hint="pip install 'stca[video]'") from error
    module: ModuleType = av
    return module
