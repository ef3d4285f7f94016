"""Weights on disk: our own files, those of other projects, those in the package."""

from stca.models.weights.foreign import WeightsReport, load_weights

__all__ = ["WeightsReport", "load_weights"]
