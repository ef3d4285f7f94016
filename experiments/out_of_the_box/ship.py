"""Write the network that a training has come to as the package ships it.

python -m experiments.out_of_the_box.ship --run RUN --out src/stca/models/weights/pretrained/NAME.safetensors
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from stca.models import ReIDModel, create_model, save_model


def main() -> None:
    """Parse and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="folder of the training")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.safetensors", help="where to")
    given = parser.parse_args()
    model, step = read_average(given.run / "checkpoint.pt")
    save_model(model, given.out, half=True)
    print(f"{given.out}: {given.out.stat().st_size:,} bytes, the mean of the weights at step {step:,}")


def read_average(checkpoint: Path) -> tuple[ReIDModel, int]:
    """The mean of the weights, in evaluation mode, and the step it belongs to."""
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    model = create_model("cnn2d_mobile", num_ids=1)
    model.load_state_dict(state["average"])
    return model.eval(), int(state["step"])


if __name__ == "__main__":
    main()
