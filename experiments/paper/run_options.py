"""Options that turn recipes into runs: data roots, seeds, settings, weights, full size or tiny.

    add_arguments(parser)                        # --data --seeds --set --weights --tiny --runs
    options = from_arguments(parser.parse_args())
    options.runs("stca_mars")                    # list[cached_runs.Run]: one per seed and split

Seed, data and weights have their own options and cannot be given by `--set`. Tiny runs use the `_small`
models, a quarter of the image size, synthetic walkers in place of each data set, and a short schedule;
everything else is the same code.
"""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import shlex
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from experiments.paper.cached_runs import Run

from stca.config import DataConfig, ModelConfig, OptimConfig, RunConfig, override, parse_assignments
from stca.errors import ConfigError
from stca.models import MODELS, PEERS
from stca.models.backbones.create import BACKBONES_2D, BACKBONES_3D
from stca.recipes import recipe
from stca.tools.lookup import find
from stca.walkers import make_walkers

SOURCES = {"mars": "mars", "duke_video": "duke", "ilids_vid": "ilids"}
"""The data set name of `--data`, by the data source of a recipe."""
SPLITS = {"ilids": 10}
TINY_SPLITS = {"ilids": 2}
_STAND_INS = {"mars": 0, "duke": 1, "ilids": 2}
_SIZE = (96, 48)  # of the walkers' crops, which become 96x32 or 64x32
_SPLIT_SEED = 10
_TINY_EPOCHS = {"mars": 38, "duke": 38, "ilids": 150}  # some 150 steps each
_OWN_OPTION = {
    "seed": "--seeds",
    "data": "--data",
    "model.weights": "--weights",
    "eval.metric": "table4, which scores by both distances",
}
"""Settings that cannot be given by `--set`, and the option to use instead."""


class NoDataError(ConfigError):
    """The root of a data set was not given."""


@dataclasses.dataclass(frozen=True)
class RunOptions:
    """The options of a command that concern its runs.

    Args:
        data: root folders by name: mars, duke, ilids.
        seeds: one run each.
        changes: settings of every run, such as `optim.lr=1e-4`.
        weights: files of pretrained weights by backbone.
        tiny: whether to use small models on synthetic walkers.
        persons: number of training identities of the walkers, and of test identities.
        folder: contains the runs in `cells` and the walkers in `data`.

    Raises:
        ConfigError: options that exclude each other, or a change that another option must make.

    """

    data: Mapping[str, str] = dataclasses.field(default_factory=dict)
    seeds: tuple[int, ...] = (0,)
    changes: tuple[str, ...] = ()
    weights: Mapping[str, str] = dataclasses.field(default_factory=dict)
    tiny: bool = False
    persons: int = 24
    folder: Path = Path("runs")

    def __post_init__(self) -> None:
        if self.tiny and (self.data or self.weights):
            raise ConfigError(
                "--tiny cannot be combined with a data set or weights",
                expected="--tiny alone: they train on synthetic walkers, from random weights",
                found="--data" if self.data else "--weights",
            )
        for name in parse_assignments(self.changes):
            given_by = _OWN_OPTION.get(name, _OWN_OPTION.get(name.partition(".")[0]))
            if given_by:
                raise ConfigError(
                    f"{name} cannot be set for every run", found=f"--set {name}=...", hint=given_by
                )

    def runs(self, name: str) -> list[Run]:
        """All runs of a recipe, by seed and split; renders the walkers it needs.

        Raises:
            NoDataError: the root of its data set was not given.

        """
        config = recipe(name)
        data = SOURCES.get(config.data.source, config.data.source)
        if self.tiny:
            config = tiny_config(config, data)
        elif data in self.data:
            config = dataclasses.replace(config, model=self._pretrained(config.model))
        else:
            raise NoDataError(f"There is no --data for {data}", hint=f"--data {data}=/data/{data}")
        config = override(config, self.changes) if self.changes else config
        splits = range((TINY_SPLITS if self.tiny else SPLITS).get(data, 1))
        places = [self._place(config.data, data, split) for split in splits]
        return [
            Run(dataclasses.replace(config, data=place, seed=seed), self.folder / "cells")
            for seed in self.seeds
            for place in places
        ]

    def _place(self, config: DataConfig, data: str, split: int) -> DataConfig:
        if self.tiny:
            root = str(self._walkers(data, split))
            return dataclasses.replace(config, source="walkers", roots=(root,))
        return dataclasses.replace(config, roots=(self.data[data],), split=split)

    def _pretrained(self, model: ModelConfig) -> ModelConfig:
        """Add the pretrained weights of the model's backbones."""
        files = tuple(self.weights[each] for each in streams(model) if each in self.weights)
        inflate = model.inflate or model.name in PEERS
        return dataclasses.replace(model, weights=files, inflate=inflate) if files else model

    def _walkers(self, data: str, split: int) -> Path:
        """Render walkers in place of a data set; for iLIDS-VID with two cameras and one tracklet in each."""
        seed = _STAND_INS[data] + _SPLIT_SEED * split
        two_cameras = {"cameras": 2, "tracklets_per_camera": (1, 1)} if data == "ilids" else {}
        root = self.folder / "data" / f"{data}-{self.persons}-persons-{split}"
        return make_walkers(
            root,
            train_persons=self.persons,
            test_persons=self.persons,
            seed=seed,
            size=_SIZE,
            **two_cameras,  # type: ignore[arg-type]
        )


def streams(model: ModelConfig) -> tuple[str, ...]:
    """The backbones of a model; the peers' has the names of a 2D one, also where it is inflated."""
    if model.name in PEERS:
        return ("se_resnet50" if model.name.startswith("se_") else "resnet50",)
    default = inspect.signature(find(MODELS, model.name, kind="model")).parameters
    return tuple(
        str(model.options.get(name, default[name].default))
        for name in ("backbone2d", "backbone3d")
        if name in default
    )


def tiny_config(config: RunConfig, data: str) -> RunConfig:
    """A small version of the run that takes a minute on two CPU cores."""
    height, width = config.model.image_size or (384, 128)
    model = dataclasses.replace(
        config.model, name=f"{config.model.name}_small", image_size=(height // 4, width // 4)
    )
    epochs = _TINY_EPOCHS[data]
    optim = OptimConfig(epochs=epochs, lr=1e-3, milestones=(epochs * 7 // 10,), warmup_epochs=1)
    return dataclasses.replace(config, model=model, optim=optim, log_every=1)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `RunOptions` to a parser."""
    parser.add_argument(
        "--data", action="append", default=[], metavar="NAME=ROOT", help="mars=..., duke=..., ilids=..."
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[0], metavar="SEED")
    parser.add_argument("--set", nargs="*", default=[], metavar="key=value", help="settings of every run")
    parser.add_argument(
        "--weights",
        nargs="*",
        default=[],
        metavar="BACKBONE=FILE",
        help=f"pretrained weights of {', '.join((*BACKBONES_2D, *BACKBONES_3D))}",
    )
    parser.add_argument("--tiny", action="store_true", help="small models on synthetic walkers")
    parser.add_argument(
        "--persons",
        type=int,
        default=24,
        help="number of training identities of the walkers, and of test identities",
    )
    parser.add_argument("--runs", type=Path, help="default: runs, or runs/tiny")


def from_arguments(args: argparse.Namespace) -> RunOptions:
    """Build `RunOptions` from parsed arguments.

    Raises:
        ConfigError: an unknown name, or a text that is not `name=value`.

    """
    return RunOptions(
        data=_pairs(args.data, "--data", SOURCES.values()),
        seeds=tuple(args.seeds),
        changes=tuple(args.set),
        weights=_pairs(args.weights, "--weights", (*BACKBONES_2D, *BACKBONES_3D)),
        tiny=args.tiny,
        persons=args.persons,
        folder=args.runs or Path("runs/tiny" if args.tiny else "runs"),
    )


def command(program: str, args: argparse.Namespace) -> str:
    """The command line with these options, including those that tables and figures add."""
    words = [word for value in args.data for word in ("--data", value)]
    words += ["--weights", *args.weights] if args.weights else []
    words += ["--seeds", *map(str, args.seeds)]
    words += ["--tiny"] * args.tiny + (["--persons", str(args.persons)] if args.persons != 24 else [])
    words += ["--set", *args.set] if args.set else []
    for name in ("only", "draw", "runs", "out"):
        words += [f"--{name}={value}"] if (value := getattr(args, name, None)) else []
    return f"python -m {program} {shlex.join(words)}"


def _pairs(texts: Sequence[str], option: str, names: Collection[str]) -> dict[str, str]:
    pairs = {}
    for each in texts:
        name, equals, value = each.partition("=")
        if not equals or not value or name not in names:
            raise ConfigError(
                f"{option} takes NAME=VALUE pairs", expected=f"{'|'.join(names)}=...", found=each
            )
        pairs[name] = value
    return pairs
