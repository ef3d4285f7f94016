"""From a config to a run: load, train, test; and back from a run's folder to its model."""

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
from stca.evaluation import embed_test_set, evaluate, score
from stca.lookup import as_tuples
from stca.models import (
    DEFAULT_PRETRAINED,
    IMAGE_REID_SUFFIXES,
    ImageReID,
    ReIDModel,
    build_model,
    create_model,
    load_model,
    load_pretrained,
    load_weights,
)
from stca.ranking import RankMetrics
from stca.run_dir import RunDir
from stca.runs.sharing import embed_shared
from stca.tracklets import Splits
from stca.training import fit, launch


def train(config: RunConfig, out: Path, *, resume: bool = False, test: bool = True) -> RunDir:
    """Train by `config` into the folder `out`.

    Args:
        config: what to do; see `stca.recipes`.
        out: a new or empty folder.
        resume: go on with the run that is in `out`, from its newest checkpoint, if there is one.
        test: whether to test along the way and at the end, as `config.eval` says.

    Raises:
        ConfigError: options that do not fit each other or the data, or an `out` that is taken,
            or in which another process trains.
        DatasetError: data that is not what the config says.
        TrainingError: the loss is no longer finite.

    """
    fabric = launch(config)
    config = dataclasses.replace(config, data=_absolute(config.data))
    splits = load_train(config)
    torch.manual_seed(config.seed)
    model = _new_model(config, num_ids=len({t.person_id for t in splits.train}))
    config = dataclasses.replace(config, model=dataclasses.replace(config.model, image_size=model.image_size))
    tested = load_test(config, splits) if test else None

    def figures(splits: Splits, trained: ReIDModel) -> dict[str, float]:
        found = embed_test_set(
            trained,
            splits,
            clip_len=config.eval.clip_len,
            batch_size=config.eval.batch_size,
            workers=config.workers,
            device=config.device,
            precision="float32",
            runtime="torch",  # converting a network that will change pays for nobody
            embed=partial(embed_shared, fabric),
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
    """The data the run trains on."""
    data = config.data
    if not data.roots:
        raise ConfigError(
            "The run has no data", expected="a root folder", hint="--data ROOT, or data.roots=[ROOT]"
        )
    splits = load_dataset(data.source, data.roots, split=data.split, **data.options)
    persons = tuple(t for t in splits.train if t.person_id > 0)  # no distractors, no junk
    if not persons:
        raise DatasetError(f"{splits.name} has no training half", where=", ".join(data.roots))
    return dataclasses.replace(splits, train=persons)


def load_test(config: RunConfig, train: Splits | None = None) -> Splits:
    """The data the run is tested on: the training data's own test half, unless it names another."""
    data = config.data
    if not data.eval_roots:
        return train or load_dataset(data.source, data.roots, split=data.split, **data.options)
    return load_dataset(
        data.eval_source or data.source, data.eval_roots, split=data.split, **data.eval_options
    )


def load_run(path: Path) -> ReIDModel:
    """The newest model of a run's folder, or of a .safetensors file, in evaluation mode.

    Raises:
        CheckpointError: neither of them.

    """
    return load_model(path if path.suffix == ".safetensors" else RunDir.open(path).model_path())


def open_model(name: str, *, like: ReIDModel | None = None, seed: int = 0) -> ReIDModel:
    """A run's folder, a .safetensors, .onnx or .xml file, or the name of a model, which is then untrained.

    "pretrained", or "pretrained:NAME", is a trained network of the package (`load_pretrained`).

    An .onnx or .xml (OpenVINO) file is an image re-identification network; `stca.models.ImageReID` says what
    pixels it is given, and takes them as an option where the file wants others.

    Args:
        name: what to open.
        like: an untrained model takes its image size, clip length and, where it is the same kind, its
            options from this one, so that the two compare.
        seed: of an untrained model's weights.

    Raises:
        CheckpointError: a path without a model.
        ConfigError: neither a path nor a model.
        StcaError: onnxruntime or openvino is needed and not installed.

    """
    if name.partition(":")[0] == "pretrained":
        return load_pretrained(name.partition(":")[2] or DEFAULT_PRETRAINED)
    if Path(name).suffix.lower() in IMAGE_REID_SUFFIXES:
        return ImageReID(name).eval()
    if is_path(name):
        return load_run(Path(name))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if like is None:
            return create_model(name, num_ids=1).eval()
        options = like.spec.options if like.spec.name == name else {}
        model = create_model(name, num_ids=like.spec.num_ids, image_size=like.image_size, **options)
    model.clip_len = like.clip_len
    return model.eval()


def is_path(name: str) -> bool:
    """Whether `name` means a run's folder or a file, and not a model's name."""
    return Path(name).exists() or len(Path(name).parts) > 1 or is_model_file(name)


def is_model_file(name: str) -> bool:
    """Whether `name` means one file with a model in it, which knows no run and no data."""
    return Path(name).suffix.lower() in (".safetensors", *IMAGE_REID_SUFFIXES)


def evaluate_model(
    model: ReIDModel,
    splits: Splits,
    config: EvalConfig,
    *,
    workers: int = 2,
    device: str = "auto",
) -> list[RankMetrics]:
    """`evaluate` with a run's settings."""
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
    """Whether some query has an answer; otherwise say, before training, that there will be no figures."""
    if splits.query and all(count_unanswered(splits, p) < len(splits.query) for p in splits.protocols):
        return True
    print(f"warning: no query of {splits.name} has an answer: training goes without tests", file=sys.stderr)
    return False


def _absolute(data: DataConfig) -> DataConfig:
    """The same data from wherever the run's folder is opened later."""
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
    model.clip_len = config.clips.clip_len
    return model
