import dataclasses
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from stca.config import (
    BatchConfig,
    ClipConfig,
    DataConfig,
    EvalConfig,
    ModelConfig,
    OptimConfig,
    RunConfig,
    differences,
    from_yaml,
    override,
    to_yaml,
)
from stca.config.settings import check_options_of
from stca.errors import ConfigError

UNUSUAL = RunConfig(
    recipe="mine",
    data=DataConfig("folder", ("/data/a b", "/data/ü"), 3, {"gap": 2}, "mars", ("/test",), {"x": [1, 2]}),
    model=ModelConfig(
        "stca_small", (64, 32), {"layers": [1, 1, 1, 1], "backbone2d": "resnet50"}, ("a.pth", "b.pth"), True
    ),
    clips=ClipConfig(4, "restricted", 0.0, 1.0, True),
    batch=BatchConfig(3, 2, 5, "one-group", False, True, True),
    optim=OptimConfig(epochs=3, lr=1e-5, milestones=(1, 2), warmup_epochs=2),
    eval=EvalConfig(0, 3, 6, "euclidean"),
    seed=7,
    device="cpu",
    precision="float32",
    workers=0,
)

BILLION = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "\n".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)
)
"""Nine lines that stand for a thousand million values."""

numbers = st.integers(2, 10**6)
rates = st.floats(1e-12, 1e3)
names = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=12)
configs = st.builds(
    RunConfig,
    data=st.builds(
        DataConfig, source=names, roots=st.lists(names, max_size=3).map(tuple), eval_roots=st.just(())
    ),
    optim=st.builds(
        OptimConfig, epochs=numbers, lr=rates, weight_decay=rates, milestones=st.lists(numbers).map(tuple)
    ),
    batch=st.builds(BatchConfig, micro_batch=st.none() | numbers, shuffle=st.booleans()),
    model=st.builds(
        ModelConfig, image_size=st.none() | st.tuples(numbers, numbers), weights=st.just(("w.pth",))
    ),
    seed=numbers,
)


@pytest.mark.parametrize("config", [RunConfig(), UNUSUAL])
def test_a_config_comes_back_from_its_yaml(config: RunConfig) -> None:
    assert from_yaml(to_yaml(config)) == config


@settings(max_examples=8)
@given(configs)
def test_any_config_comes_back_from_its_yaml(config: RunConfig) -> None:
    assert from_yaml(to_yaml(config)) == config


def test_yaml_names_every_option_in_order() -> None:
    content = yaml.safe_load(to_yaml(RunConfig()))
    assert list(content) == [f.name for f in dataclasses.fields(RunConfig)]
    assert list(content["optim"]) == [f.name for f in dataclasses.fields(OptimConfig)]


def test_what_yaml_leaves_out_has_its_default() -> None:
    config = from_yaml("optim: {lr: 0.5}\nseed: 3\n")
    assert config == RunConfig(optim=OptimConfig(lr=0.5), seed=3)


@pytest.mark.parametrize(
    ("assignment", "path", "value"),
    [
        ("optim.lr=1e-4", "optim.lr", 1e-4),  # a string in YAML 1.1
        ("optim.lr=1", "optim.lr", 1.0),
        ("optim.milestones=[3, 5]", "optim.milestones", (3, 5)),
        ("data.roots=[/data/mars]", "data.roots", ("/data/mars",)),
        ("data.roots=['/data/a b', c]", "data.roots", ("/data/a b", "c")),
        ("model.image_size=[256,128]", "model.image_size", (256, 128)),
        ("model.image_size=null", "model.image_size", None),
        ("model.name=my.module:build", "model.name", "my.module:build"),
        ("model.options.width=4", "model.options", {"width": 4}),
        (
            "model.options={width: 4, backbone2d: resnet50}",
            "model.options",
            {"width": 4, "backbone2d": "resnet50"},
        ),
        ("batch.micro_batch=2", "batch.micro_batch", 2),
        ("batch.shuffle=false", "batch.shuffle", False),
        ("batch.sync_norm=true", "batch.sync_norm", True),
        ("batch.checkpoint_activations=true", "batch.checkpoint_activations", True),
        ("checkpoint_steps=500", "checkpoint_steps", 500),
        ("eval.clip_len=16", "eval.clip_len", 16),
        ("seed=9", "seed", 9),
        ("data.eval_source=walkers", "data.eval_source", "walkers"),
    ],
)
def test_single_values_are_overridden(assignment: str, path: str, value: Any) -> None:
    changed = override(RunConfig(), [assignment])
    found: Any = changed
    for part in path.split("."):
        found = getattr(found, part)
    assert found == value
    assert type(found) is type(value)
    expected = dataclasses.asdict(RunConfig())
    place = expected
    *parents, last = path.split(".")
    for part in parents:
        place = place[part]
    place[last] = value
    assert dataclasses.asdict(changed) == expected


def test_overrides_add_up_and_the_last_one_wins() -> None:
    config = override(UNUSUAL, ["optim.lr=0.1", "seed=1", "optim.lr=0.2", "model.options.width=8"])
    assert (config.optim.lr, config.seed) == (0.2, 1)
    assert config.model.options == {"layers": [1, 1, 1, 1], "backbone2d": "resnet50", "width": 8}
    assert UNUSUAL.model.options == {"layers": [1, 1, 1, 1], "backbone2d": "resnet50"}
    assert override(UNUSUAL, []) == UNUSUAL


@pytest.mark.parametrize(
    ("assignment", "suggestion"),
    [
        ("optim.learning_rate=1", None),
        ("optim.lrr=1", "optim.lr"),
        ("batch.identitys=4", "batch.identities"),
        ("lr=1", None),
        ("optim=1", None),
        ("optim.lr.x=1", "optim.lr"),
        ("=1", None),
    ],
)
def test_an_unknown_key_lists_the_valid_ones(assignment: str, suggestion: str | None) -> None:
    with pytest.raises(
        ConfigError, match=r"There is no option[\s\S]*optim\.lr, optim\.weight_decay"
    ) as caught:
        override(RunConfig(), [assignment])
    if suggestion:
        assert caught.value.hint == suggestion


def test_an_override_needs_an_equals_sign() -> None:
    with pytest.raises(ConfigError, match=r"key=value[\s\S]*found: +--resume"):
        override(RunConfig(), ["--resume"])


@pytest.mark.parametrize(
    "key",
    ["seed", "data.options", "data.roots", "optim.lr", "clips.flip", "loss.margin", "eval.every", "device"],
)
def test_an_option_that_needs_a_value_is_never_null(key: str) -> None:
    with pytest.raises(ConfigError, match=f"{key} has no value"):
        override(RunConfig(), [f"{key}=null"])


@pytest.mark.parametrize(
    ("assignment", "complaint"),
    [
        ("data.options={split: 3}", "split is no option of a data set"),
        ("data.eval_options={root: x}", "root is no option of a data set"),
        ("data.options={5: 3}", ""),
        ("model.options={5: 3}", ""),
    ],
)
def test_options_of_a_loader_are_given_nowhere_else(assignment: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        override(RunConfig(), [assignment])


def test_options_are_named_by_words() -> None:
    with pytest.raises(ConfigError, match="needs a name"):  # the tests' type check would be first above
        check_options_of("model", {5: 3})


def test_an_option_that_is_null_in_yaml_is_named() -> None:
    assert from_yaml("data:\n  eval_source: null\n  options:\n    seed: null\n").data.options == {
        "seed": None
    }
    with pytest.raises(ConfigError, match=r"optim\.epochs has no value"):
        from_yaml("optim:\n  epochs: null\n")


@pytest.mark.parametrize(
    "assignment",
    [
        "optim.lr=fast",
        "optim.epochs=1.5",
        "optim.epochs=null",
        "clips.sampling=dense",
        "loss.metric=manhattan",
        "batch.shuffle=4",
        "data.roots=[[1]]",
        "model.image_size=[1,2,3]",
        "model.image_size=256",
        "optim.milestones=[soon]",
        "device=tpu",
        "seed=[1]",
    ],
)
def test_a_wrong_type_names_the_option(assignment: str) -> None:
    with pytest.raises(ConfigError) as caught:
        override(RunConfig(), [assignment])
    assert assignment.split("=")[0].split(".")[-1] in str(caught.value)


@pytest.mark.parametrize(
    ("assignment", "valid"),
    [("clips.sampling=dense", "consecutive"), ("precision=fp16", "bf16"), ("batch.epoch=all", "one-group")],
)
def test_a_wrong_choice_lists_the_valid_ones(assignment: str, valid: str) -> None:
    with pytest.raises(ConfigError, match=valid):
        override(RunConfig(), [assignment])


@pytest.mark.parametrize(
    "assignment",
    [
        "batch.identities=1",
        "batch.instances=-1",
        "batch.micro_batch=0",
        "clips.clip_len=0",
        "clips.flip=1.5",
        "loss.label_smoothing=-0.1",
        "optim.epochs=0",
        "optim.lr=0",
        "optim.lr=.nan",
        "optim.milestones=[5, 0]",
        "eval.batch_size=0",
        "eval.clip_len=0",
        "checkpoint_every=0",
        "checkpoint_steps=-1",
        "log_every=0",
        "workers=-1",
        "seed=-1",
        "seed=9223372036854775808",
    ],
)
def test_a_number_out_of_range_is_named_with_the_range(assignment: str) -> None:
    name, _, value = assignment.partition("=")
    with pytest.raises(ConfigError, match=rf"{name} is out of range[\s\S]*expected: .+ to .+") as caught:
        override(RunConfig(), [assignment])
    number = float(value.strip("[]").split(", ")[-1].replace(".nan", "nan"))
    assert float(str(caught.value.found)) == pytest.approx(number, nan_ok=True)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "no config"),
        ("- 1", "no config"),
        ("just words", "no config"),
        ("{", "no YAML"),
        ("a: b: c", "no YAML"),
        ("optim: {lrr: 1}", "There is no option 'optim.lrr'"),
        ("model: 3", "There is no option 'model'"),
        ("optim: {lr: [1]}", "wrong type"),
        ("7: x", "There is no option '7'"),
        ("optim: &it {lr: 0.5}\nloss: *it", "no YAML aliases"),
        (BILLION, "no YAML aliases"),
    ],
)
def test_text_that_is_no_config_is_a_config_error(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        from_yaml(text)


def test_differences_name_every_option_that_is_not_the_same() -> None:
    assert differences(UNUSUAL, UNUSUAL) == []
    swapped = dataclasses.replace(UNUSUAL, clips=ClipConfig(6), eval=EvalConfig(0, 3, 4, "euclidean"))
    assert differences(UNUSUAL, swapped) == [
        "clips.clip_len=6 (was 4)",
        "clips.sampling=consecutive (was restricted)",
        "clips.flip=0.5 (was 0.0)",
        "clips.crop=0.5 (was 1.0)",
        "clips.per_frame=False (was True)",
        "eval.clip_len=4 (was 6)",
    ]
    more = override(UNUSUAL, ["model.options.width=8", "model.weights=[a.pth]"])
    assert [each.split("=")[0] for each in differences(UNUSUAL, more)] == ["model.options", "model.weights"]
