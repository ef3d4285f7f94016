import pytest

from stca.errors import ConfigError
from stca.tools.lookup import check_options, find, suggest


def build(num_ids: int, *, width: int = 4, clip_len: int = 8) -> int:
    return num_ids * width * clip_len


TABLE = {"stca": build, "stca_small": build}


def test_a_name_of_the_table_is_found() -> None:
    assert find(TABLE, "stca", kind="model") is build


def test_a_function_of_any_module_is_found() -> None:
    assert find(TABLE, "json:dumps", kind="model")([1]) == "[1]"


def test_an_unknown_name_lists_what_there_is_and_suggests() -> None:
    with pytest.raises(
        ConfigError, match=r"no model 'stca_smal'[\s\S]*one of stca, stca_small[\s\S]*try: +stca_small"
    ):
        find(TABLE, "stca_smal", kind="model")
    with pytest.raises(ConfigError) as caught:
        find(TABLE, "xyz", kind="model")
    assert caught.value.hint is None


@pytest.mark.parametrize("name", ["no_such_package:f", "json:no_such_function", ":f", "json:"])
def test_a_function_that_cannot_be_imported_is_a_config_error(name: str) -> None:
    with pytest.raises(ConfigError, match="Cannot import the recipe"):
        find({}, name, kind="recipe")


def test_what_is_found_must_be_callable() -> None:
    with pytest.raises(ConfigError, match=r"no function[\s\S]*found: +str"):
        find({}, "json:__name__", kind="recipe")


def test_options_are_checked_against_the_signature() -> None:
    check_options(build, {"width": 3, "clip_len": 1}, kind="model 'x'")
    with pytest.raises(
        ConfigError, match=r"model 'x' has no option 'widht'[\s\S]*num_ids, width, clip_len[\s\S]*width$"
    ):
        check_options(build, {"widht": 3}, kind="model 'x'")


def test_a_suggestion_is_close_or_none() -> None:
    assert suggest("margn", ["margin", "metric"]) == "margin"
    assert suggest("q", ["margin", "metric"]) is None
