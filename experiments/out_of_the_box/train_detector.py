"""Make the shipped person detector from the raw material: learn, be stopped, go on.

python -m experiments.out_of_the_box.train_detector --shared ../shared --out runs/detector --hours 2
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from experiments.out_of_the_box.detector.learning import Settings, learn
from experiments.out_of_the_box.detector.prepare import prepare_scenes


def main() -> None:
    """Parse and learn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, required=True, help="folder of the raw material")
    parser.add_argument(
        "--out", type=Path, required=True, help="folder of this run; goes on where it stopped"
    )
    parser.add_argument("--hours", type=float, default=2.0, help="stop after this long; go on another time")
    parser.add_argument("--steps", type=int, default=4000, help="in all; the last 30 %% with a falling rate")
    parser.add_argument("--rate", type=float, default=1e-3, help="learning rate")
    parser.add_argument("--batch", type=int, default=16, help="pictures a step")
    parser.add_argument("--seed", type=int, default=0, help="of chance")
    parser.add_argument("--minutes", type=float, default=10, help="between two validations")
    given = parser.parse_args()
    torch.set_num_threads(1)
    prepare_scenes(given.shared, given.out)
    learn(Settings(**vars(given)))


if __name__ == "__main__":
    main()
