"""Footage for benchmarks that read files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from stca.footage.images import write_jpeg
from stca.tracklets import Tracklet


def footage(folder: Path, lengths: list[int], size: tuple[int, int], *, seed: int = 0) -> list[Tracklet]:
    """Tracklets of smooth noise, which compresses like photographs."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    pictures = []
    for number in range(16):
        coarse = rng.integers(0, 256, (size[0] // 16, size[1] // 16, 3)).astype(np.float32)
        smooth = torch.nn.functional.interpolate(
            torch.from_numpy(coarse).permute(2, 0, 1)[None], size=size, mode="bicubic"
        )[0].permute(1, 2, 0)
        noise = torch.from_numpy(rng.normal(0, 6, (*size, 3)).astype(np.float32))
        path = folder / f"picture{number:02d}.jpg"
        write_jpeg(path, (smooth + noise).clamp(0, 255).byte().numpy())
        pictures.append(path.read_bytes())
    tracklets = []
    for row, length in enumerate(lengths):
        place = folder / f"{row:04d}"
        place.mkdir()
        frames = []
        for number in range(min(length, 32)):  # longer tracklets repeat their frames
            frames.append(place / f"{number:04d}.jpg")
            frames[-1].write_bytes(pictures[(row + number) % len(pictures)])
        tracklets.append(
            Tracklet(tuple(frames[i % len(frames)] for i in range(length)), 1 + row, 1, f"{row}")
        )
    return tracklets
