"""Files that somebody might upload: pictures and zips, and those that are made to do harm."""

import io
import struct
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from made_videos import quarters, write_video

SCRIPT = b"<script>alert(document.cookie)</script>"


def jpeg(size: tuple[int, int] = (48, 64), *, exif: bytes = b"", progressive: bool = False) -> bytes:
    """A picture (width, height) of four quarters: red, green; blue, white."""
    data = io.BytesIO()
    picture = Image.fromarray(quarters((size[1], size[0])))
    picture.save(data, "JPEG", quality=95, exif=exif, progressive=progressive)
    return data.getvalue()


def picture(kind: str, size: tuple[int, int] = (48, 64)) -> bytes:
    """The same in a format of Pillow's."""
    data = io.BytesIO()
    Image.fromarray(quarters((size[1], size[0]))).save(
        data, kind, **({"lossless": True} if kind == "WEBP" else {})
    )
    return data.getvalue()


def turned_jpeg() -> bytes:
    """As a phone held upright writes it: on its side, with an orientation and a place in its EXIF block."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "SECRET MAKER"
    return jpeg((64, 48), exif=exif.tobytes())


def huge_png(width: int = 30_000, height: int = 30_000) -> bytes:
    """A PNG whose header claims so many pixels, and whose few bytes unpack to some of them."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(1 << 22))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@cache
def endless_jpeg(scans: int = 20_000) -> bytes:
    """A progressive JPEG of 16 megapixels that goes over all of them again and again: minutes for 700 KB."""
    data = io.BytesIO()
    Image.new("L", (4000, 4000), 128).save(data, "JPEG", progressive=True)
    whole = data.getvalue()
    last = whole[whole.rindex(b"\xff\xda") : -2]
    return whole[:-2] + scans * last + whole[-2:]


def zipped(files: Iterable[tuple[str, bytes]], *, packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", packing) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return data.getvalue()


def overlapping_zip(entries: int = 200, unpacked: int = 1 << 20) -> bytes:
    """A flat bomb: every entry of the directory means the same packed bytes; each states its true size."""
    content = jpeg() + bytes(unpacked)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(content) + packer.flush()
    facts = struct.pack("<HHHHHIII", 20, 0, 8, 0, 0, zlib.crc32(content), len(packed), len(content))
    local = b"PK\3\4" + facts + struct.pack("<HH", 1, 0) + b"a" + packed
    entry = b"PK\1\2" + struct.pack("<H", 20) + facts + struct.pack("<HHHHHII", 1, 0, 0, 0, 0, 0, 0) + b"a"
    end = struct.pack("<HHHHIIH", 0, 0, entries, entries, entries * len(entry), len(local), 0)
    return local + entries * entry + b"PK\5\6" + end


def lying_zip(unpacked: int = 50 << 20) -> bytes:
    """One entry that states to unpack to its packed size, and unpacks to far more."""
    content = jpeg() + bytes(unpacked)
    data = zipped([("a.jpg", content)])
    true, packed = struct.pack("<I", len(content)), data.index(b"PK\1\2") - 30 - len("a.jpg")
    return data.replace(true, struct.pack("<I", packed))


def zip_of_many(entries: int = 100_000) -> bytes:
    """A zip of so many tiny files; the 16 bits for their number cannot hold it."""
    facts = struct.pack("<HHHHHIII", 20, 0, 0, 0, 0, zlib.crc32(b"x"), 1, 1)
    local = b"PK\3\4" + facts + struct.pack("<HH", 1, 0) + b"ax"
    entry = b"PK\1\2" + struct.pack("<H", 20) + facts + struct.pack("<HHHHHII", 1, 0, 0, 0, 0, 0, 0) + b"a"
    count = entries % 65536
    end = struct.pack("<HHHHIIH", 0, 0, count, count, entries * len(entry), len(local), 0)
    return local + entries * entry + b"PK\5\6" + end


def video(path: Path, *, frames: int = 30, size: tuple[int, int] = (64, 48), **options: object) -> bytes:
    """The first frame is red, green; blue, white; and so are the others."""
    return write_video(path, frames * [quarters((size[1], size[0]))], rate=15, **options).read_bytes()  # type: ignore[arg-type]


def mp4_of_many_frames(path: Path, frames: int = 10**9) -> bytes:
    """An MP4 whose table of times says that its one kind of frame comes so often."""
    data = video(path)
    at = data.index(b"stts") + 8
    return data[:at] + struct.pack(">II", 1, frames) + data[at + 8 :]


def mp4_of_many_sizes(path: Path, frames: int = 10**9) -> bytes:
    """An MP4 whose table of sizes says that there are so many frames of one byte each: gigabytes of index."""
    data = video(path)
    at = data.index(b"stsz") + 8
    return data[:at] + struct.pack(">II", 1, frames) + data[at + 8 :]


def avi_of_many_frames(path: Path, frames: int = 10**9) -> bytes:
    """An AVI whose headers count so many frames."""
    data = bytearray(video(path))
    for name, place in ((b"avih", 16), (b"strh", 32)):
        at = data.index(name) + 8 + place
        data[at : at + 4] = struct.pack("<I", frames)
    return bytes(data)


def form(
    files: Sequence[tuple[str, bytes]], fields: Sequence[tuple[str, str]] = (), boundary: str = "xyz"
) -> bytes:
    """A multipart form with files (name, content) and fields."""
    parts = []
    for name, value in fields:
        parts.append(f'Content-Disposition: form-data; name="{name}"\r\n\r\n'.encode() + value.encode())
    for name, content in files:
        head = f'Content-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: image/jpeg\r\n\r\n'
        parts.append(head.encode() + content)
    return (
        b"".join(f"--{boundary}\r\n".encode() + part + b"\r\n" for part in parts)
        + f"--{boundary}--\r\n".encode()
    )


def colours(image: np.ndarray) -> list[tuple[int, ...]]:
    """The colours of the middles of its quarters: upper left, upper right, lower left, lower right."""
    height, width = image.shape[:2]
    places = [(1, 1), (1, 3), (3, 1), (3, 3)]
    return [tuple(int(v) // 64 for v in image[height * y // 4, width * x // 4]) for y, x in places]
