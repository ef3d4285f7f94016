"""Make the shipped weights from the raw material: learn from a teacher, be stopped, go on.

python -m experiments.out_of_the_box.train --shared ../shared --out runs/out_of_the_box --hours 8
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from experiments.out_of_the_box.making.prepare import prepare
from experiments.out_of_the_box.teaching.learning import Settings, learn


def main() -> None:
    """Parse and learn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, required=True, help="folder of the raw material")
    parser.add_argument(
        "--out", type=Path, required=True, help="folder of this run; goes on where it stopped"
    )
    parser.add_argument("--hours", type=float, default=8.0, help="stop after this long; go on another time")
    parser.add_argument(
        "--steps", type=int, default=11_000, help="in all; the last 30 %% with a falling rate"
    )
    parser.add_argument("--rate", type=float, default=1e-3, help="learning rate")
    parser.add_argument("--teacher", default="0277", help="number of the teacher")
    parser.add_argument("--batch", type=int, default=32, help="pictures a step")
    parser.add_argument("--seed", type=int, default=0, help="of chance")
    parser.add_argument("--minutes", type=float, default=10, help="between two validations")
    parser.add_argument(
        "--start", type=Path, metavar="FILE", help="a state of `ship.py --state` to begin from"
    )
    given = parser.parse_args()
    torch.set_num_threads(1)
    prepare(given.shared, given.out)
    learn(Settings(**vars(given)))


if __name__ == "__main__":
    main()
