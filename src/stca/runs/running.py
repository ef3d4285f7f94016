"""Train a run from its config, and open models from runs, files or names."""

from __future__ import annotations

import dataclasses
import sys
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import torch

from stca.config import DataConfig, EvalConfig, RunConfig
from stca.datasets import load_dataset
from stca.datasets.counts import count_unanswered
from stca.errors import ConfigError, DatasetError
from stca.evaluation import applicable_protocols, embed_test_set, evaluate, score
from stca.models import (
    ReIDModel,
    build_model,
    load_weights,
)
from stca.ranking import RankMetrics
from stca.run_dir import RunDir
from stca.runs.distributed_embedding import embed_distributed
from stca.tools.lookup import as_tuples
from stca.tracklets import Splits
from stca.training import fit, launch


def train(config: RunConfig, out: Path, *, resume: bool = False, test: bool = True) -> RunDir:
    """Train a model as `config` says, and write the run to the folder `out`.

    Args:
        config: all settings of the run; see `stca.recipes`.
        out: a new or empty folder.
        resume: continue the run in `out` from its newest checkpoint, if there is one.
        test: whether to evaluate during training and at the end, as `config.eval` says.

    Raises:
        ConfigError: settings that do not fit each other or the data, or a folder `out` that holds another
            run or in which another process trains.
        DatasetError: the data set is missing or not as the config says.
        TrainingError: the loss is no longer finite.

    """
    fabric = launch(config)
    config = dataclasses.replace(config, data=_absolute(config.data))
    splits = load_train(config)
    torch.manual_seed(config.seed)
    model = _new_model(config, num_ids=len({t.person_id for t in splits.train}))
    config = dataclasses.replace(config, model=dataclasses.replace(config.model, image_size=model.image_size))
    tested = load_test(config, splits) if test else None
    if tested is not None:
        tested = dataclasses.replace(tested, protocols=applicable_protocols(tested))

    def figures(splits: Splits, trained: ReIDModel) -> dict[str, float]:
        found = embed_test_set(
            trained,
            splits,
            clip_len=config.eval.clip_len,
            batch_size=config.eval.batch_size,
            workers=config.workers,
            device=config.device,
            precision="float32",
            runtime="torch",  # converting a network that keeps changing does not pay
            embed=partial(embed_distributed, fabric),
        )
        ranks = score(found, splits.protocols, metric=config.eval.metric) if fabric.is_global_zero else []
        return headline(ranks)

    with RunDir.alone(out) if fabric.is_global_zero else nullcontext():
        if fabric.is_global_zero:
            RunDir.create(out, config, resume=resume)
        fabric.barrier()
        run = RunDir.open(out)
        if run.load_state() is None:
            for path in config.model.weights:
                report = load_weights(model, Path(path), inflate=config.model.inflate)
                if fabric.is_global_zero:
                    print(report)

        evaluate = partial(figures, tested) if tested and _can_test(tested) else None
        fit(model, splits.train, config, run, evaluate=evaluate, fabric=fabric)
    return run


def load_train(config: RunConfig) -> Splits:
    """Load the training data of a run."""
    data = config.data
    if not data.roots:
        raise ConfigError(
            "The run has no data", expected="a root folder", hint="--data ROOT, or data.roots=[ROOT]"
        )
    splits = load_dataset(data.source, data.roots, split=data.split, **data.options)
    persons = tuple(t for t in splits.train if t.person_id > 0)  # no distractors, no junk
    if not persons:
        raise DatasetError(f"{splits.name} has no training part", where=", ".join(data.roots))
    return dataclasses.replace(splits, train=persons)


def load_test(config: RunConfig, train: Splits | None = None) -> Splits:
    """Load the test data of a run: of the training data set, unless the config names another one."""
    data = config.data
    if not data.eval_roots:
        return train or load_dataset(data.source, data.roots, split=data.split, **data.options)
    return load_dataset(
        data.eval_source or data.source, data.eval_roots, split=data.split, **data.eval_options
    )


def evaluate_model(
    model: ReIDModel,
    splits: Splits,
    config: EvalConfig,
    *,
    workers: int = 2,
    device: str = "auto",
) -> list[RankMetrics]:
    """Evaluate a model with the evaluation settings of a run."""
    return evaluate(
        model,
        splits,
        metric=config.metric,
        clip_len=config.clip_len,
        batch_size=config.batch_size,
        workers=workers,
        device=device,
    )


def headline(results: list[RankMetrics]) -> dict[str, float]:
    """Rank-1 and mAP by protocol, as fractions of 1."""
    return {
        f"{result.protocol}/{name}": value
        for result in results
        for name, value in (("rank-1", float(result.cmc[0])), ("mAP", result.mean_ap))
    }


def _can_test(splits: Splits) -> bool:
    """Whether some query has a correct match; if not, print a warning before training."""
    if splits.query and all(count_unanswered(splits, p) < len(splits.query) for p in splits.protocols):
        return True
    print(
        f"warning: no query of {splits.name} has a correct match: training runs without evaluation",
        file=sys.stderr,
    )
    return False


def _absolute(data: DataConfig) -> DataConfig:
    """The same data with absolute roots, independent of the working directory."""
    here, there = (
        tuple(str(Path(root).expanduser().absolute()) for root in roots)
        for roots in (data.roots, data.eval_roots)
    )
    return dataclasses.replace(data, roots=here, eval_roots=there)


def _new_model(config: RunConfig, *, num_ids: int) -> ReIDModel:
    options = {name: as_tuples(value) for name, value in config.model.options.items()}
    if config.model.image_size is not None:
        options["image_size"] = config.model.image_size
    model = build_model(config.model.name, num_ids=num_ids, options=options)
    model.check_clip_len(config.clips.clip_len)
    model.clip_len = config.clips.clip_len
    return model
