"""The keywords of a class that hands some on to its base."""

import inspect
from typing import Any

import pytest

from stca.errors import ConfigError
from stca.models import MODELS, STCA, create_model
from stca.models.peers.revisit_tempool import RevisitTempool
from stca.tools.signatures import full_signature


class Base:
    def __init__(self, *, size: int = 1, length: int = 2) -> None:
        self.size, self.length = size, length


class Middle(Base):
    """Has no initialiser of its own."""


class Handing(Middle):
    def __init__(self, *, ids: int, length: int = 3, **options: Any) -> None:
        super().__init__(length=length, **options)
        self.ids = ids


class Closed(Handing):
    def __init__(self, *, other: str) -> None:
        super().__init__(ids=len(other))


def test_own_keywords_come_first_and_hide_those_of_the_base() -> None:
    assert str(full_signature(Handing)) == "(*, ids: int, length: int = 3, size: int = 1)"
    assert (
        str(full_signature(Handing, {"size": 7, "colour": 1}))
        == "(*, ids: int, length: int = 3, size: int = 7)"
    )


def test_a_class_that_hands_nothing_on_has_its_own_keywords_alone() -> None:
    assert list(full_signature(Closed).parameters) == ["other"]


class Mine(STCA):
    def __init__(self, num_ids: int, extra: int = 1, **options: Any) -> None:
        super().__init__(num_ids=num_ids, **options)


class Shorter(RevisitTempool, clip_len=2):
    """With the sizes of its parent else."""


def test_a_users_subclass_is_built_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MODELS, "mine", Mine)
    small = {"image_size": (64, 32), "layers": (1, 1, 1, 1), "width": 4}
    assert create_model("mine", num_ids=3, extra=2, **small).image_size == (64, 32)
    with pytest.raises(ConfigError, match="no option 'extras'"):
        create_model("mine", num_ids=3, extras=2)


def test_a_subclass_of_a_peer_has_its_parents_sizes() -> None:
    parameters = inspect.signature(Shorter).parameters
    assert (parameters["image_size"].default, parameters["clip_len"].default) == ((224, 112), 2)
    assert inspect.signature(RevisitTempool).parameters["clip_len"].default == 4


def test_a_built_model_is_called_with_clips() -> None:
    model = create_model("gltr", num_ids=2, image_size=(64, 32), layers=(1, 1, 1, 1), width=4)
    assert "num_ids" not in inspect.signature(model).parameters


@pytest.mark.parametrize("name", ["stca", "sum", "gltr", "ap3dres50"])
def test_models_tell_all_their_options(name: str) -> None:
    parameters = inspect.signature(MODELS[name]).parameters
    assert {"num_ids", "image_size", "layers", "width", "clip_len"} <= set(parameters)
    assert parameters["clip_len"].default == {"gltr": 16, "ap3dres50": 4}.get(name, 8)
    with pytest.raises(ConfigError, match="no option 'clip_length'") as error:
        create_model(name, num_ids=2, clip_length=4)
    assert "clip_len" in str(error.value)
