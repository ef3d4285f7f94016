"""Make the shipped weights from the raw material: learn from a teacher, be stopped, go on.

python -m experiments.out_of_the_box.train --shared ../shared --out runs/out_of_the_box --hours 8
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from experiments.out_of_the_box.making.prepare import prepare
from experiments.out_of_the_box.teaching.learning import Settings, learn
from experiments.out_of_the_box.teaching.loop import add_run_options


def main() -> None:
    """Parse and learn."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_run_options(parser, hours=8.0, steps=11_000, batch=32)
    parser.add_argument("--teacher", default="0277", help="number of the teacher")
    parser.add_argument(
        "--start", type=Path, metavar="FILE", help="a state of `ship.py --state` to begin from"
    )
    given = parser.parse_args()
    torch.set_num_threads(1)
    prepare(given.shared, given.out)
    learn(Settings(**vars(given)))


if __name__ == "__main__":
    main()
