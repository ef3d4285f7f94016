"""Small videos that tests write: with given pictures, time stamps, codecs and headers."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

QUALITY = {"mpeg4": {"qscale": "2"}, "libx264": {"qp": "10"}, "ffv1": {}, "mjpeg": {"huffman": "default"}}


def grey(*shades: int, size: tuple[int, int] = (48, 64)) -> list[np.ndarray]:
    """Pictures (H, W, 3) that are grey all over."""
    return [np.full((*size, 3), shade, np.uint8) for shade in shades]


def quarters(size: tuple[int, int] = (48, 64)) -> np.ndarray:
    """A picture without any symmetry: red, green, blue and white quarters."""
    height, width = size
    image = np.full((*size, 3), 255, np.uint8)
    image[: height // 2, : width // 2] = 255, 0, 0
    image[: height // 2, width // 2 :] = 0, 255, 0
    image[height // 2 :, : width // 2] = 0, 0, 255
    return image


def add_video(container: Any, codec: str, size: tuple[int, int], rate: int, **options: str) -> Any:
    stream = container.add_stream(codec, rate=rate, options={**QUALITY.get(codec, {}), **options})
    stream.height, stream.width = size
    stream.pix_fmt = {"mjpeg": "yuvj420p", "gif": "rgb8"}.get(codec, "yuv420p")
    return stream


def write_video(
    path: Path,
    images: Sequence[np.ndarray],
    *,
    times: Sequence[float] | None = None,
    rate: int = 10,
    codec: str = "mpeg4",
    format: str | None = None,
    aspect: Fraction | None = None,
    turn: dict[str, Any] | None = None,
    muxing: dict[str, str] | None = None,
    **options: str,
) -> Path:
    """Encode pictures.

    Args:
        path: where to.
        images: (H, W, 3) uint8, RGB.
        times: of each, in seconds, as exactly as milliseconds; default: by the rate.
        rate: frames a second.
        codec: FFmpeg's name of the encoder.
        format: of the container; default: by the suffix.
        aspect: of the pixels.
        turn: arguments of PyAV's `set_display_rotation`.
        muxing: options of the container.
        options: of the encoder.

    """
    import av

    with av.open(str(path), "w", format=format, options=muxing or {}) as container:
        stream = add_video(container, codec, images[0].shape[:2], rate, **options)
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        if turn is not None:
            stream.set_display_rotation(**turn)
        for number, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            if times is not None:
                frame.time_base, frame.pts = Fraction(1, 1000), round(times[number] * 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def restamp(source: Path, path: Path, seconds: Sequence[float], **muxing: str) -> Path:
    """Copy a video without B-frames, with other time stamps from 0; they may go back, as a recorder's do."""
    import av

    with av.open(str(source)) as old, av.open(str(path), "w", options=muxing) as new:
        stream = old.streams.video[0]
        copy = new.add_stream_from_template(stream)
        packets = (packet for packet in old.demux(stream) if packet.size)
        for number, (packet, time) in enumerate(zip(packets, seconds, strict=True)):
            packet.pts = round(time / packet.time_base)
            packet.dts = min(packet.pts, round((number - 99) * Fraction(1, 1000) / packet.time_base))
            packet.stream = copy
            new.mux_one(packet)
    return path


def swap_in_box(data: bytes, name: bytes, order: Sequence[bytes]) -> bytes:
    """An MP4 with the children of one of its boxes in another order: those named first, then the rest."""
    for start, end, kind in _boxes(data, 0, len(data)):
        if kind == name:
            children = [(k, data[s:e]) for s, e, k in _boxes(data, start + 8, end)]
            children.sort(key=lambda c: order.index(c[0]) if c[0] in order else len(order))
            return data[: start + 8] + b"".join(c for _, c in children) + data[end:]
    raise AssertionError(f"no box {name!r}")


def _boxes(data: bytes, start: int, end: int) -> list[tuple[int, int, bytes]]:
    found = []
    while start < end:
        size = int.from_bytes(data[start : start + 4], "big")
        found.append((start, start + size, data[start + 4 : start + 8]))
        start += size
    return found
