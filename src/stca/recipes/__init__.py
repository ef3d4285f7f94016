"""Recipes: functions without arguments that return the config of a run. `stca recipes` lists them."""

from __future__ import annotations

from collections.abc import Callable

from stca.config import RunConfig
from stca.errors import ConfigError
from stca.recipes.duke import (
    stca_duke,
    stca_duke_literal,
)
from stca.recipes.ilids import (
    stca_ilids,
    stca_ilids_euclidean,
    stca_ilids_literal,
)
from stca.recipes.mars import (
    stca_mars,
    stca_mars_256,
    stca_mars_euclidean,
    stca_mars_literal,
    stca_mars_t2,
    stca_mars_t4,
    stca_mars_t6,
    stca_mars_t10,
    stca_mars_t12,
)
from stca.recipes.mars_baselines import (
    cnn2d_mars,
    cnn2d_mars_256,
    cnn2d_mars_euclidean,
    cnn2d_mars_euclidean_256,
    cnn3d_mars,
    cnn3d_mars_256,
    cnn3d_mars_euclidean,
    cnn3d_mars_euclidean_256,
    concat_mars,
    concat_mars_256,
)
from stca.recipes.mars_variants import (
    stca_mars_attention,
    stca_mars_c3d,
    stca_mars_fusion_sum,
    stca_mars_gate_conv2_x,
    stca_mars_gate_conv3_x,
    stca_mars_i3d,
    stca_mars_lstm,
    stca_mars_resnet50,
    stca_mars_se_resnet50,
    sum_mars,
)
from stca.recipes.peers import PEER_RECIPES
from stca.recipes.small import small_mot, small_walkers
from stca.tools.lookup import check_options, find

RECIPES: dict[str, Callable[[], RunConfig]] = {
    make.__name__: make
    for make in (
        stca_mars,
        stca_mars_literal,
        stca_mars_256,
        stca_mars_t2,
        stca_mars_t4,
        stca_mars_t6,
        stca_mars_t10,
        stca_mars_t12,
        stca_mars_euclidean,
        cnn2d_mars,
        cnn2d_mars_256,
        cnn2d_mars_euclidean,
        cnn2d_mars_euclidean_256,
        cnn3d_mars,
        cnn3d_mars_256,
        cnn3d_mars_euclidean,
        cnn3d_mars_euclidean_256,
        concat_mars,
        concat_mars_256,
        stca_mars_resnet50,
        stca_mars_se_resnet50,
        stca_mars_i3d,
        stca_mars_c3d,
        stca_mars_attention,
        stca_mars_lstm,
        sum_mars,
        stca_mars_fusion_sum,
        stca_mars_gate_conv3_x,
        stca_mars_gate_conv2_x,
        stca_duke,
        stca_duke_literal,
        stca_ilids,
        stca_ilids_literal,
        stca_ilids_euclidean,
        *PEER_RECIPES.values(),
        small_walkers,
        small_mot,
    )
}
"""All recipes by name, grouped by data set; the paper's experiments come first."""

__all__ = [
    "RECIPES",
    "find_recipe",
    "recipe",
    "small_mot",
    "small_walkers",
    "stca_duke",
    "stca_ilids",
    "stca_mars",
    "stca_mars_literal",
]


def recipe(name: str) -> RunConfig:
    """The config of a recipe: a key of `RECIPES`, or `package.module:function`.

    Raises:
        ConfigError: there is no such recipe; the message lists the recipes.

    """
    make = find_recipe(name)
    check_options(make, {}, kind="recipe")
    config = make()
    if not isinstance(config, RunConfig):
        raise ConfigError("This is not a recipe", expected="a function that returns a RunConfig", found=name)
    return config


def find_recipe(name: str) -> Callable[[], RunConfig]:
    """The function of a recipe; its docstring states training time and expected scores.

    Raises:
        ConfigError: there is no such recipe.

    """
    make: Callable[[], RunConfig] = find(RECIPES, name, kind="recipe")
    return make
