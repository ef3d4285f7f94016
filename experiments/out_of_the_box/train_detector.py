"""Make the shipped person detector from the raw material: learn, be stopped, go on.

python -m experiments.out_of_the_box.train_detector --shared ../shared --out runs/detector --hours 2
"""

from __future__ import annotations

import argparse

import torch
from experiments.out_of_the_box.detector.learning import learn
from experiments.out_of_the_box.detector.prepare import prepare_scenes
from experiments.out_of_the_box.teaching.loop import RunSettings, add_run_options


def main() -> None:
    """Parse and learn."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_run_options(parser, hours=2.0, steps=4000, batch=16)
    given = parser.parse_args()
    torch.set_num_threads(1)
    prepare_scenes(given.shared, given.out)
    learn(RunSettings(**vars(given)))


if __name__ == "__main__":
    main()
