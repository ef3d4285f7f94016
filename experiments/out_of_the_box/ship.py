"""Write the network that a training has come to as the package ships it.

Its vectors are made a little rounder: where pictures of many people spread widely, spread is taken back by a
quarter power of the variance, measured on training pictures. The linear layer at the end takes that in.

python -m experiments.out_of_the_box.ship --shared ../shared --run RUN --out FILE.safetensors
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from experiments.out_of_the_box.making.material import load_material
from experiments.out_of_the_box.making.pictures import make_batch
from experiments.out_of_the_box.teaching.states import read_state, write_state
from experiments.out_of_the_box.teaching.student import SIZE, frame_vectors
from jaxtyping import Float
from torch import Tensor

from stca.models import ReIDModel, create_model, save_model

POWER = 0.25
ROUND_SEED = 99
ROUND_PICTURES = 1500


def main() -> None:
    """Parse and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="folder of the training")
    parser.add_argument("--shared", type=Path, required=True, help="folder of the raw material")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.safetensors", help="where to")
    parser.add_argument("--state", type=Path, metavar="FILE", help="where to, to go on from elsewhere")
    parser.add_argument(
        "--mean-with", type=Path, metavar="FILE", help="a state: ship the mean of both weights"
    )
    given = parser.parse_args()
    torch.set_num_threads(1)
    model, step = read_average(given.run / "checkpoint.pt")
    if given.mean_with:
        take_mean(model, given.mean_with)
    if given.state:
        write_state(given.state, model, step)
    material, _ = load_material(given.shared, given.run)
    pictures = make_batch(material, seed=ROUND_SEED, first=0, count=ROUND_PICTURES)
    parts = np.array_split(pictures, ROUND_PICTURES // 50)
    round_off(model, torch.cat([frame_vectors(model, part) for part in parts]))
    save_model(model, given.out, half=True)
    print(f"{given.out}: {given.out.stat().st_size:,} bytes, the mean of the weights at step {step:,}")


def take_mean(model: ReIDModel, state: Path) -> None:
    """Move the weights half the way to those of a state of the same training, in place."""
    other = create_model("cnn2d_mobile", num_ids=1, image_size=SIZE)
    read_state(state, other)
    for mine, theirs in zip(model.state_dict().values(), other.state_dict().values(), strict=True):
        if mine.is_floating_point():
            mine.lerp_(theirs, 0.5)


def round_off(model: ReIDModel, vectors: Float[Tensor, "N D"]) -> None:
    """Change the last linear layer so that directions in which `vectors` spread widely do so less.

    Directions of next to no spread are not blown up: their variance counts as a thousandth of the largest.
    """
    mean = vectors.mean(dim=0)
    variances, directions = torch.linalg.eigh(torch.cov((vectors - mean).T))
    scales = variances.clamp(min=float(variances.max()) * 1e-3).pow(-POWER / 2)
    turn = directions @ torch.diag(scales) @ directions.T
    linear = model.get_submodule("space.linear")
    with torch.no_grad():
        linear.weight.copy_(turn @ linear.weight)
        linear.bias.copy_(turn @ (linear.bias - mean))


def read_average(checkpoint: Path) -> tuple[ReIDModel, int]:
    """The mean of the weights, in evaluation mode, and the step it belongs to."""
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    model = create_model("cnn2d_mobile", num_ids=1, image_size=SIZE)
    model.load_state_dict(state["average"])
    return model.eval(), int(state["step"])


if __name__ == "__main__":
    main()
