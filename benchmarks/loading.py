"""Benchmark loading clips, compared with Pillow decoding every frame at full size in one process.

    python benchmarks/loading.py

Frames of MARS are 256x128 and are enlarged to 384x128, so every pixel is needed; "large" are crops of
1024x512 (a person near a modern camera), for which decoding at a half or a quarter of the size suffices.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from ceilings import jpeg_megapixels
from made_footage import footage
from PIL import Image
from timing import ratios, spread, table, take_turns, write_page

from stca.clips import Transform, dense_batches
from stca.datasets.packed import load, pack_dataset
from stca.tracklets import Splits, Tracklet

SIZE, CLIP_LEN = (384, 128), 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clips", type=int, default=24)
    args = parser.parse_args()
    parts = [part(name, size, args) for name, size in (("MARS", (256, 128)), ("large", (1024, 512)))]
    parts.append(f"One core decodes {jpeg_megapixels():.0f} megapixels of smooth JPEG a second.")
    print(write_page("loading", "Loading clips", parts))


def part(name: str, size: tuple[int, int], args: argparse.Namespace) -> str:
    with tempfile.TemporaryDirectory() as folder:
        tracklets = footage(Path(folder) / "frames", [CLIP_LEN] * args.clips, size)
        everyone = tuple(tracklets)
        pack_dataset(Splits("frames", everyone, (), ()), Path(folder) / "frames.lmdb")
        packed = load(Path(folder) / "frames.lmdb").train
        contenders = {
            "Pillow, one process": lambda: plainly(tracklets),
            "ours, one process": lambda: ours(tracklets, 0),
            "ours, one process, packed": lambda: ours(packed, 0),
            "ours, two workers": lambda: ours(tracklets, 2),
            "ours, two workers, packed": lambda: ours(packed, 2),
        }
        seconds = take_turns(contenders, rounds=args.rounds, label=name)
    frames = args.clips * CLIP_LEN
    rows = [
        (
            contender,
            spread([frames / s for s in values], 0),
            spread(ratios(seconds, contender, "Pillow, one process")),
        )
        for contender, values in seconds.items()
    ]
    return (
        f"## {name}: frames of {size[0]}x{size[1]} to {SIZE[0]}x{SIZE[1]}\n\n"
        f"{frames} frames a round, in the page cache; workers are restarted every round.\n\n"
        + table(("", "frames a second", "times Pillow"), rows)
    )


def plainly(tracklets: Sequence[Tracklet]) -> torch.Tensor:
    clips = [
        np.stack(
            [np.asarray(Image.open(f).convert("RGB").resize(SIZE[::-1], Image.BILINEAR)) for f in t.frames]
        )
        for t in tracklets
    ]
    return torch.from_numpy(np.stack(clips))


def ours(tracklets: Sequence[Tracklet], workers: int) -> int:
    _, batches = dense_batches(tracklets, Transform(SIZE), clip_len=CLIP_LEN, batch_size=8, workers=workers)
    return sum(len(batch.frames) for batch in batches)


if __name__ == "__main__":
    main()
