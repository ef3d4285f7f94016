"""Weights on disk: our own files, checkpoints of other projects, and the package's pretrained models."""

from stca.models.weights.foreign import WeightsReport, load_weights

__all__ = ["WeightsReport", "load_weights"]
