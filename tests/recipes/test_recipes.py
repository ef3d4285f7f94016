import re
from dataclasses import replace

import pytest
import torch
from experiments.paper.tables import OUR_LAYERS, TABLES
from experiments.paper.training_cost import hours, multiply_adds, steps

from stca.cli.main import build_parser
from stca.config import override
from stca.errors import ConfigError
from stca.models import build_model
from stca.recipes import RECIPES, find_recipe, recipe
from stca.recipes.peers import PEER_RECIPES
from stca.tools.lookup import as_tuples

OF_THE_PAPER = [name for name in RECIPES if not name.startswith("small_")]
NETWORKS = [name for name in RECIPES if name not in PEER_RECIPES or name.endswith("_mars")]
"""Recipes without those whose network another one has too."""


@pytest.mark.parametrize("name", NETWORKS)
def test_a_recipe_is_called_as_its_function_and_its_model_can_be_built(name: str) -> None:
    config = recipe(name)
    assert config.recipe == name == RECIPES[name].__name__
    options = {key: as_tuples(value) for key, value in config.model.options.items()}
    with torch.device("meta"):
        model = build_model(config.model.name, num_ids=3, options=options)
    assert model.spec.name == config.model.name


@pytest.mark.parametrize("name", OF_THE_PAPER)
def test_the_command_in_a_docstring_trains_that_recipe(name: str) -> None:
    words = re.search(r"^    Command: stca (.*)$", RECIPES[name].__doc__ or "", re.MULTILINE)
    assert words
    given, settings = build_parser().parse_known_args(words[1].split())
    assert given.recipe == name
    assert override(recipe(name), settings).recipe == name
    assert str(given.out) == f"runs/{name}"


@pytest.mark.parametrize("name", [name for name in NETWORKS if name in OF_THE_PAPER])
def test_hours_in_docstrings_are_those_derived(name: str) -> None:
    words = " ".join((RECIPES[name].__doc__ or "").split())
    written = re.search(
        r"Hours: ([\d.]+)(?: a split)? on one A100, derived, not measured: "
        r"([\d.]+) G multiply-adds a clip, ([\d,]+) steps of 32 (?:at most|clips)\.",
        words,
    )
    assert written, words
    config = recipe(name)
    assert config.batch.identities * config.batch.instances == 32
    assert float(written[1]) == pytest.approx(hours(config), rel=0.1)
    assert float(written[2]) * 1e9 == pytest.approx(multiply_adds(config), rel=0.01)
    assert int(written[3].replace(",", "")) == steps(config)


@pytest.mark.parametrize("name", PEER_RECIPES)
def test_recipes_of_a_peer_differ_in_data_and_steps(name: str) -> None:
    config, data = recipe(name), name.rpartition("_")[2]
    assert config.recipe == name == RECIPES[name].__name__
    words = " ".join((RECIPES[name].__doc__ or "").split())
    assert f" {steps(config):,} steps of 32 clips." in words
    assert config.batch.identities * config.batch.instances == 32
    mars = recipe(f"{name.removesuffix(data)}mars")
    assert replace(mars, recipe=name, data=config.data, batch=config.batch) == config
    assert {"mars": "mars", "duke": "duke_video", "ilids": "ilids_vid"}[data] == config.data.source


@pytest.mark.parametrize("name", OF_THE_PAPER)
def test_a_docstring_says_what_the_paper_has(name: str) -> None:
    assert re.search(r"The paper's figure: (none\.|rank-1 \d\d\.\d)", RECIPES[name].__doc__ or "")


@pytest.mark.parametrize("name", OF_THE_PAPER)
def test_the_paper_s_figures_in_docstrings_are_those_of_its_tables(name: str) -> None:
    words = " ".join((RECIPES[name].__doc__ or "").split())
    said = re.search(r"The paper's figure: (none\.|.*?\))", words)
    assert said, words
    figures: dict[tuple[str, str], set[float | None]] = {}
    tables = set()
    for cell in (cell for table in TABLES.values() for cell in table.cells()):
        of_theirs = cell.row.note != OUR_LAYERS
        if cell.recipe == name.removesuffix("_literal") and cell.published is not None and of_theirs:
            figures.setdefault((cell.row.metric, cell.column.figure), set()).add(cell.published)
            tables.add(int(cell.table.removeprefix("table")))
    metrics = ("cosine", "euclidean") if "euclidean`" in said[1] else ("cosine",)
    printed = [figures.get((metric, figure), set()) for metric in metrics for figure in ("rank-1", "mAP")]
    assert [float(number) for number in re.findall(r"\d\d\.\d", said[1])] == [
        value for each in printed for value in each
    ]
    places = re.search(r"\(tables? (\d)(?: (to|and) (\d))?", said[1])
    named = [int(place) for place in places.group(1, 3) if place] if places else []
    if places and places[2] == "to":
        named = list(range(named[0], named[1] + 1))
    assert named == sorted(tables)


def test_what_the_rows_of_table_2_differ_in() -> None:
    for model, size, metric in (
        ("cnn2d", 256, "euclidean"),
        ("cnn3d", 384, "cosine"),
        ("concat", 256, "cosine"),
    ):
        euclidean = "_euclidean" if metric == "euclidean" else ""
        config = recipe(f"{model}_mars{euclidean}{'_256' if size == 256 else ''}")
        assert (config.model.name, config.model.image_size) == (model, (size, 128))
        assert config.loss.metric == metric
        assert config.optim.epochs == (800 if metric == "euclidean" else 500)


def test_what_takes_stca_apart_differs_from_it_in_one_thing() -> None:
    """Trained as STCA is, so that its figures compare."""
    stca = recipe("stca_mars")
    for name, model, options in (
        ("sum_mars", "sum", {}),
        ("stca_mars_fusion_sum", "stca", {"fusion": "sum"}),
        ("stca_mars_gate_conv3_x", "stca", {"gate": "conv3_x"}),
        ("stca_mars_gate_conv2_x", "stca", {"gate": "conv2_x"}),
    ):
        expected = replace(stca.model, name=model, options=options)
        assert recipe(name) == replace(stca, recipe=name, model=expected)


def test_the_schedule_falls_where_the_official_one_does_and_literally_every_ten_epochs() -> None:
    assert recipe("stca_mars").optim.milestones == (200,)
    for data in ("mars", "duke", "ilids"):
        assert recipe(f"stca_{data}_literal").optim.milestones == tuple(range(10, 450, 10))


def test_a_recipe_of_ones_own() -> None:
    assert recipe("stca.recipes.mars:stca_mars_t4").clips.clip_len == 4
    with pytest.raises(ConfigError, match=r"no recipe 'stca_mar'[\s\S]*stca_mars"):
        find_recipe("stca_mar")
    with pytest.raises(ConfigError, match=r"This is not a recipe[\s\S]*platform:node"):
        recipe("platform:node")
