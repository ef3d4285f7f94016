"""Recipes: a run is a function that returns a config. `stca recipes` lists them by their first lines."""

from __future__ import annotations

from collections.abc import Callable

from stca.config import BatchConfig, ClipConfig, DataConfig, EvalConfig, ModelConfig, OptimConfig, RunConfig
from stca.errors import ConfigError
from stca.lookup import check_options, find


def stca_mars() -> RunConfig:
    """STCA on MARS as the paper trains it: 384x128, 8 frames, 8 x 4 clips, Adam, 450 epochs.

    stca train stca_mars --data /data/mars --out runs/mars
        'model.weights=[resnet50_ibn_a.pth, r3d50_K_200ep.pth]'
    The paper's figure: rank-1 90.3, mAP 87.0 (its protocol is not stated). The learning rate is 3.5e-4, a
    tenth of it from epoch 200 on. Without pretrained weights expect much less.
    """
    return RunConfig(recipe="stca_mars")


def stca_mars_literal() -> RunConfig:
    """As `stca_mars`, with the paper's learning rate read literally: a tenth every 10 epochs.

    After some 50 of the 450 epochs nothing is left of it, which is why it is not the default.
    """
    return RunConfig(recipe="stca_mars_literal", optim=OptimConfig(milestones=tuple(range(10, 450, 10))))


def stca_duke() -> RunConfig:
    """STCA on DukeMTMC-VideoReID, as `stca_mars`. The paper's figure: rank-1 96.6, mAP 96.2."""
    return RunConfig(recipe="stca_duke", data=DataConfig(source="duke_video"))


def stca_ilids() -> RunConfig:
    """STCA on one split of iLIDS-VID, as `stca_mars`; data.split is 0 to 9.

    An epoch is one group per person, since each has two tracklets. The paper's figure is the mean over 10
    splits: rank-1 88.3.
    """
    return RunConfig(
        recipe="stca_ilids",
        data=DataConfig(source="ilids_vid"),
        batch=BatchConfig(instances=2, identities=16),
    )


def small_walkers() -> RunConfig:
    """stca_small on synthetic walkers, in minutes on two CPU cores: the demo.

    stca data make-walkers walkers && stca train small_walkers --data walkers --out runs/walkers
    """
    return RunConfig(
        recipe="small_walkers",
        data=DataConfig(source="walkers"),
        model=ModelConfig(name="stca_small"),
        clips=ClipConfig(clip_len=4),
        optim=OptimConfig(epochs=40, lr=1e-3, milestones=(28,), warmup_epochs=1),
        eval=EvalConfig(every=0),
    )


def small_mot() -> RunConfig:
    """stca_small on people tracked in your own videos (MOTChallenge sequences).

    stca train small_mot --data cam1 --data cam2 --test cam3 --out runs/mine
    """
    return RunConfig(
        recipe="small_mot",
        data=DataConfig(source="mot"),
        model=ModelConfig(name="stca_small"),
        clips=ClipConfig(clip_len=4),
        optim=OptimConfig(epochs=30, lr=1e-3, milestones=(20,), warmup_epochs=1),
        eval=EvalConfig(every=0),
    )


RECIPES: dict[str, Callable[[], RunConfig]] = {
    "stca_mars": stca_mars,
    "stca_mars_literal": stca_mars_literal,
    "stca_duke": stca_duke,
    "stca_ilids": stca_ilids,
    "small_walkers": small_walkers,
    "small_mot": small_mot,
}


def recipe(name: str) -> RunConfig:
    """The config of a recipe: a key of `RECIPES`, or `package.module:function`.

    Raises:
        ConfigError: there is no such recipe; lists those there are.

    """
    make = find(RECIPES, name, kind="recipe")
    check_options(make, {}, kind="recipe")
    config = make()
    if not isinstance(config, RunConfig):
        raise ConfigError("This is no recipe", expected="a function that returns a RunConfig", found=name)
    return config
