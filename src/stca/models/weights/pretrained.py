"""Weights that come with the package."""

from __future__ import annotations

from pathlib import Path

from stca.errors import ConfigError
from stca.models.heads import ReIDModel
from stca.models.weights.model_files import load_model
from stca.tools.lookup import suggest

PRETRAINED = {
    path.stem: path for path in sorted((Path(__file__).parent / "pretrained").glob("*.safetensors"))
}
"""Names and files."""


def load_pretrained(name: str = "stca_small") -> ReIDModel:
    """A trained network, in evaluation mode; it knows its `image_size` and `clip_len`.

    `stca_small` was trained on synthetic walkers alone: enough to try everything, and far from what the
    same code reaches with real data (docs/stca.md has its figures).

    Args:
        name: a key of `PRETRAINED`.

    Raises:
        ConfigError: no such network.

    """
    if name not in PRETRAINED:
        raise ConfigError(
            f"There are no weights for {name!r} in the package",
            expected=f"one of {', '.join(PRETRAINED)}",
            found=name,
            hint=suggest(name, PRETRAINED) or "train one, or load_model() a file of yours",
        )
    return load_model(PRETRAINED[name])
