"""Single crops to vectors, for tracking."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from jaxtyping import Float32, UInt8
from torch import Tensor

from stca.embedding import Embedder
from stca.errors import ConfigError
from stca.inference.opening import open_runtime
from stca.inference.plan import plan_inference
from stca.models import ReIDModel
from stca.models.baselines import CNN2D
from stca.tracklets import Tracklet

_FRAMES = 5000
"""Crops that are expected in all: some minutes of video. By their number it is chosen what computes."""


class ModelEncoder:
    """A model as `stca.tracking.appearance.CropEncoder`; `open_crop_encoder` opens it."""

    def __init__(self, embedder: Embedder, name: str, batch_size: int) -> None:
        self._embedder, self._name, self._batch_size = embedder, name, batch_size

    @property
    def name(self) -> str:
        """Network and weights."""
        return self._name

    def __call__(self, crops: Sequence[Path]) -> Float32[np.ndarray, "n D"]:
        """One vector per image file, as that of a tracklet of this one crop.

        Raises:
            DatasetError: no crops, or one that cannot be read.

        """
        alone = [Tracklet((path,), 0, 0, path.name) for path in crops]
        return self._embedder.embed(alone, batch_size=self._batch_size, workers=0, label="").vectors


@contextmanager
def open_crop_encoder(
    model: ReIDModel,
    name: str,
    *,
    device: str = "auto",
    precision: str = "auto",
    batch_size: int = 16,
) -> Iterator[ModelEncoder]:
    """Open a model to look at single crops; closed at the end of the `with` block.

    Networks that see pictures and then pool them get one picture; those of whole clips get a clip of this one
    picture repeated, which costs as much as a clip.

    Args:
        model: set to evaluation, and moved to the device.
        name: network and weights, for the record.
        device: "auto", "cpu" or "cuda".
        precision: "float32", "bf16" or "auto".
        batch_size: crops per forward pass.

    Raises:
        ConfigError: a device or a precision that does not exist, or int8.

    """
    if precision == "int8":
        raise ConfigError("Crops are not compared in int8", expected="float32, bf16 or auto", found="int8")
    clip_len = 1 if model.frame_by_frame or isinstance(model, CNN2D) else model.clip_len
    plan = plan_inference(model, frames=_FRAMES * clip_len, device=device, precision=precision)
    engine = open_runtime(model, plan, clip_len=clip_len, calibration=_no_calibration)
    try:
        yield ModelEncoder(Embedder(model, engine, clip_len), name, batch_size)
    finally:
        engine.close()


def _no_calibration() -> UInt8[Tensor, "N T H W 3"]:
    raise ConfigError("There are no clips to choose int8's scales by", expected="float32 or bf16")
