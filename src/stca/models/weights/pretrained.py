"""Weights that come with the package."""

from __future__ import annotations

from pathlib import Path

from stca.catalogue import NETWORKS, Network, path_of
from stca.errors import ConfigError
from stca.models.heads import ReIDModel
from stca.models.image_reid import ImageReID
from stca.models.weights.model_files import load_model
from stca.models.weights.reid_checkpoints import load_reid_checkpoint
from stca.tools.lookup import suggest

PRETRAINED = {
    path.stem: path for path in sorted((Path(__file__).parent / "pretrained").glob("*.safetensors"))
}
"""Names and files."""


DEFAULT_PRETRAINED = "cnn2d_mobile"
"""What `load_pretrained()` and `--model pretrained` take."""
DEFAULT_MEASURED = "VIPeR 31.2, GRID 41.2, PRID2011 35.8"
"""Its rank-1 in percent by the protocol cross-camera (docs/model_card.md)."""


def load_pretrained(name: str = DEFAULT_PRETRAINED) -> ReIDModel:
    """A trained network, in evaluation mode; it knows its `image_size` and `clip_len`.

    `cnn2d_mobile` reads every frame by itself, and a tracklet's vector is the mean over its frames. It learnt
    from a teacher on photographs of real people; docs/model_card.md has its figures and limits. `stca_small`
    was trained on synthetic walkers alone: enough to try the STCA network, and blind to real people.

    Args:
        name: a key of `PRETRAINED`, or a re-identification network of the catalogue that was fetched
            (`stca weights list`, `stca weights get NAME`).

    Raises:
        ConfigError: no such network.
        CheckpointError: a network of the catalogue that was not fetched, or whose files are damaged.

    """
    if name in NETWORKS and NETWORKS[name].kind == "reid":
        return _open_fetched(NETWORKS[name])
    if name not in PRETRAINED:
        raise ConfigError(
            f"There are no weights for {name!r} in the package",
            expected=f"one of {', '.join(PRETRAINED)}, or a network that `stca weights list` shows",
            found=name,
            hint=suggest(name, [*PRETRAINED, *NETWORKS]) or "train one, or load_model() a file of yours",
        )
    return load_model(PRETRAINED[name])


def _open_fetched(network: Network) -> ReIDModel:
    path = path_of(network.name)
    if path.suffix == ".pth":
        return load_reid_checkpoint(path)[0]
    return ImageReID(path, **network.opened).eval()
