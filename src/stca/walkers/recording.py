"""Writing video files, by PyAV."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from stca.footage.video import import_av
from stca.walkers.places.sensors import Crop

_ENCODER = "libx264"


def write_video(
    path: Path, pictures: Iterable[Crop], *, size: tuple[int, int], rate: Fraction, quality: int
) -> None:
    """Encode (H, W, 3) uint8 pictures, RGB, as H.264, or as MPEG-4 where there is no such encoder.

    The same pictures give the same bytes with the same FFmpeg, but for one of some 1,700 videos: in it x264
    codes the last block of some pictures otherwise, even in one thread.

    Args:
        path: ends in .mp4.
        pictures: at least one.
        size: (height, width) of all of them, both even.
        rate: frames a second.
        quality: the constant rate factor of H.264, 0 (no loss) to 51.

    Raises:
        StcaError: PyAV is not installed.

    """
    av = import_av()
    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as container:
        try:
            # Without B frames the pieces can be put together; threads would change the bytes.
            wanted = {"crf": str(quality), "preset": "veryfast", "bf": "0", "threads": "1"}
            stream = container.add_stream(_ENCODER, rate=rate, options=wanted)
        except (av.error.FFmpegError, ValueError):  # PyAV raises ValueError for an unknown codec
            stream = container.add_stream("mpeg4", rate=rate, options={"qscale": "4", "threads": "1"})
        stream.pix_fmt = "yuv420p"
        stream.height, stream.width = size
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame.pts, frame.time_base = number, 1 / rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def join_videos(path: Path, pieces: Sequence[Path]) -> None:
    """One video of pieces by `write_video`, in order, without encoding them again."""
    av = import_av()
    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as container:
        out, offset = None, 0
        for piece in pieces:
            with av.open(str(piece)) as source:
                stream = source.streams.video[0]
                if out is None:
                    out = container.add_stream_from_template(stream)
                    out.time_base = stream.time_base
                end = offset
                for packet in source.demux(stream):
                    if packet.dts is None:  # the flushing packet
                        continue
                    packet.pts, packet.dts = packet.pts + offset, packet.dts + offset
                    end = max(end, packet.pts + packet.duration)
                    packet.stream = out
                    container.mux(packet)
                offset = end
