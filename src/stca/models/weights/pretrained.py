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


DEFAULT_PRETRAINED = "cnn2d_mobile"
"""What `load_pretrained()` and `--model pretrained` take."""


def load_pretrained(name: str = DEFAULT_PRETRAINED) -> ReIDModel:
    """A trained network, in evaluation mode; it knows its `image_size` and `clip_len`.

    `cnn2d_mobile` reads every frame by itself, and a tracklet's vector is the mean over its frames. It learnt
    from a teacher on photographs of real people; docs/model_card.md has its figures and limits. `stca_small`
    was trained on synthetic walkers alone: enough to try the STCA network, and blind to real people.

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
