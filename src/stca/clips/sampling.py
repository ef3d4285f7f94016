"""Which frames of a tracklet make a clip."""

from __future__ import annotations

from typing import Literal

import numpy as np
from jaxtyping import Int64

from stca.errors import ConfigError

SamplingMode = Literal["dense", "consecutive", "strided", "restricted"]
MAX_CLIP_LEN = 10_000


def sample_clips(
    num_frames: int, clip_len: int, *, mode: SamplingMode = "dense", rng: np.random.Generator | None = None
) -> Int64[np.ndarray, "clips T"]:
    """Choose frames.

    Args:
        num_frames: N, at least 1.
        clip_len: T, 1 to 10,000.
        mode: how.
            "dense": every frame once, in ceil(N / T) clips; a tail shorter than T repeats itself in a circle.
            "consecutive": one clip of T neighbours from a random start; a short tracklet goes round in a
            circle.
            "strided": one clip, N // T frames apart, from a random start.
            "restricted": one clip, a random frame from each of T equal parts (Li et al., CVPR 2018).
        rng: random generator; without it the random modes take the middle.

    Returns:
        (clips, T) frame numbers from 0; one row in all modes but "dense".

    Raises:
        ConfigError: a longer clip, whatever the tracklet.

    """
    if num_frames < 1 or clip_len < 1:
        raise ValueError(f"a clip needs frames: num_frames={num_frames}, clip_len={clip_len}")
    if clip_len > MAX_CLIP_LEN:
        raise ConfigError("A clip is too long", expected=f"1 to {MAX_CLIP_LEN} frames", found=clip_len)
    steps = np.arange(clip_len)
    if mode == "dense":
        starts = np.arange(0, num_frames, clip_len)[:, None]
        return starts + steps % np.minimum(clip_len, num_frames - starts)
    if mode in ("consecutive", "strided"):
        stride = max(1, num_frames // clip_len) if mode == "strided" else 1
        room = max(0, num_frames - 1 - stride * (clip_len - 1))
        start = room // 2 if rng is None else int(rng.integers(room + 1))
        return ((start + stride * steps) % num_frames)[None]
    if mode == "restricted":
        place = np.full(clip_len, 0.5) if rng is None else rng.random(clip_len)
        frames = np.floor((steps + place) * num_frames / clip_len).astype(np.int64)
        return np.minimum(frames, num_frames - 1)[None]  # steps + place may round up to clip_len
    raise ValueError(f"mode is dense, consecutive, strided or restricted, not {mode!r}")
