"""What a file is, told by its first bytes alone: neither its name nor what the client says counts."""

from __future__ import annotations

PICTURES = ("JPEG", "PNG", "WEBP", "BMP", "GIF")
"""Pillow's names. Of an animated one, the first picture is used."""
VIDEOS = ("mov", "matroska", "avi", "mpegts")
"""FFmpeg's names."""
ZIP = "zip"

BYTES = 400
"""From a file's beginning, that are enough."""

EXPECTED = (
    "a picture (JPEG, PNG, WebP, BMP, GIF), a video (MP4, MOV, MKV, WebM, AVI, TS) or a zip of pictures"
)

_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide")  # what an MP4 may begin with
_STILL = (b"heic", b"heix", b"heim", b"heis", b"mif1", b"avif", b"hevc")
_TS_PACKETS = ((0, 188), (4, 192))  # place of the first sync byte and distance of the next: .ts, .m2ts


def recognise(data: bytes) -> str | None:
    """The kind of a file by its first `BYTES`: one of `PICTURES`, of `VIDEOS`, `ZIP`, or None."""
    if data[:3] == b"\xff\xd8\xff":
        return "JPEG"
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return "PNG"
    if data[:4] == b"RIFF":
        return {b"WEBP": "WEBP", b"AVI ": "avi"}.get(data[8:12])
    if data[:6] in (b"GIF87a", b"GIF89a"):
        return "GIF"
    if data[:4] in (b"PK\3\4", b"PK\5\6"):
        return ZIP
    if data[:4] == b"\x1a\x45\xdf\xa3":
        return "matroska"
    if data[4:8] in _BOXES:
        return None if is_heif(data) else "mov"
    if data[:2] == b"BM" and data[6:10] == b"\0\0\0\0":
        return "BMP"
    if any(len(data) > at + step and data[at] == data[at + step] == 0x47 for at, step in _TS_PACKETS):
        return "mpegts"
    return None


def is_heif(data: bytes) -> bool:
    """Whether a file is a HEIC or AVIF picture, as some phones make them."""
    return data[4:8] == b"ftyp" and data[8:12] in _STILL
