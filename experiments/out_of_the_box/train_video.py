r"""Teach STCA to read clips with damaged frames, on top of the frame network of a state.

python -m experiments.out_of_the_box.train_video --shared ../shared --out runs/video --hours 1 \
    --state experiments/results/out_of_the_box/state.safetensors

`damaged.py --video runs/video/checkpoint.pt` scores it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from experiments.out_of_the_box.teaching.loop import RunSettings, add_run_options
from experiments.out_of_the_box.video.clip_lessons import prepare_clips
from experiments.out_of_the_box.video.learning import learn


def main() -> None:
    """Parse and learn."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_run_options(parser, hours=1.0, steps=3000, batch=8)
    parser.add_argument("--state", type=Path, required=True, metavar="FILE", help="of `ship.py --state`")
    given = vars(parser.parse_args())
    torch.set_num_threads(1)
    state = given.pop("state")
    settings = RunSettings(**given)
    prepare_clips(settings.shared, settings.out)
    learn(settings, state)


if __name__ == "__main__":
    main()
