"""`stca recipes | train`."""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import time
from pathlib import Path

from stca.cli.parsing import Verbs, add_verb


def add_verbs(verbs: Verbs) -> None:
    """Add the commands."""
    recipes = add_verb(verbs, "recipes", _recipes, help="list the recipes, or show all settings of one")
    recipes.add_argument(
        "recipe", nargs="?", help="show the description and all settings (YAML) of this recipe"
    )

    train = add_verb(verbs, "train", _train, help="train a model by a recipe")
    train.add_argument("recipe", help="a name from `stca recipes`, or package.module:function")
    train.add_argument("settings", nargs="*", metavar="key=value", help="change settings, e.g. optim.lr=1e-4")
    train.add_argument("--data", action="append", metavar="ROOT", help="training data; may be repeated")
    train.add_argument(
        "--test", action="append", metavar="ROOT", help="test data, if it is not part of --data"
    )
    train.add_argument("--out", type=Path, help="run folder; default: runs/RECIPE")
    train.add_argument("--resume", action="store_true", help="continue the run in --out")


def _recipes(args: argparse.Namespace) -> None:
    from stca.config import to_yaml
    from stca.recipes import RECIPES, find_recipe, recipe

    if args.recipe:
        words = inspect.getdoc(find_recipe(args.recipe)) or ""
        print("".join(f"# {line}".rstrip() + "\n" for line in words.splitlines()), end="")
        print(to_yaml(recipe(args.recipe)), end="")
        return
    width = max(map(len, RECIPES))
    data = ""
    for name, make in RECIPES.items():
        if data != (data := make().data.source):
            print(f"{data}:")
        print(f"  {name:<{width}}  {(make.__doc__ or '').strip().splitlines()[0]}")


def _train(args: argparse.Namespace) -> None:
    from stca.config import override
    from stca.recipes import recipe
    from stca.runs import train
    from stca.tools.progress import format_seconds
    from stca.training import is_first

    config = recipe(args.recipe)
    data = config.data
    if args.data:
        data = dataclasses.replace(data, roots=tuple(args.data))
    if args.test:
        data = dataclasses.replace(data, eval_roots=tuple(args.test))
    config = override(dataclasses.replace(config, data=data), args.settings)
    start = time.monotonic()
    run = train(config, args.out or Path("runs") / args.recipe.replace(":", "."), resume=args.resume)
    if not is_first():
        return
    print(f"trained in {format_seconds(time.monotonic() - start)}: {run.path}")
    for record in run.metrics()[-1:]:
        for name, value in record.items():
            if record["kind"] == "eval" and "/" in name:
                print(f"  {name:<24}{100 * value:6.2f} %")
