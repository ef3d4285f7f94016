"""Names of version 0.1 keep working for one release."""

import importlib
import sys
import warnings

import pytest

from stca.moved_modules import MOVED


@pytest.mark.parametrize("old", MOVED)
def test_an_old_module_name_imports_the_new_module(old: str) -> None:
    new = importlib.import_module(MOVED[old])
    name, spec = new.__name__, new.__spec__
    sys.modules.pop(old, None)
    with pytest.warns(DeprecationWarning, match=f"{old} is now {MOVED[old]}"):
        assert importlib.import_module(old) is new
    assert (new.__name__, new.__spec__) == (name, spec)


@pytest.mark.parametrize(
    ("module", "names", "now"),
    [
        ("stca.gallery", ("Linking", "link", "link_gallery"), "stca.linking"),
        ("stca.datasets.walkers", ("Nuisances", "make_scene", "make_walkers"), "stca.walkers"),
    ],
)
def test_a_name_that_moved_to_another_package_is_still_found(
    module: str, names: tuple[str, ...], now: str
) -> None:
    for name in names:
        with pytest.warns(DeprecationWarning, match=f"{module}.{name} is now {now}.{name}"):
            found = getattr(importlib.import_module(module), name)
        assert found is getattr(importlib.import_module(now), name)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        importlib.import_module(module).nothing  # noqa: B018


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("deal", "sample_by_outcome"),
        ("outcome_words", "outcome_label"),
        ("pick", "sample_lists"),
        ("usual_window", "default_window"),
    ],
)
def test_a_function_that_was_renamed_is_still_found(old: str, new: str) -> None:
    analysis = importlib.import_module("stca.analysis")
    with pytest.warns(DeprecationWarning, match=f"stca.analysis.{old} is now stca.analysis.{new}"):
        found = getattr(analysis, old)
    assert found is getattr(analysis, new)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        analysis.nothing  # noqa: B018


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        ("stca.gallery", "Judged", "CalibrationSet"),
        ("stca.gallery", "halves", "time_split_set"),
        ("stca.gallery", "pictures", "find_crops"),
    ],
)
def test_a_renamed_function_or_class_is_still_found(module: str, old: str, new: str) -> None:
    package = importlib.import_module(module)
    with pytest.warns(DeprecationWarning, match=f"{module}.{old} is now {module}.{new}"):
        found = package.__getattr__(old)  # as an attribute, `halves` may be the old module by now
    assert found is getattr(package, new)


def test_aliases_without_a_warning_are_the_renamed_classes() -> None:
    import stca
    from stca.gallery import ModelMark
    from stca.linking import Appearance, Stay

    assert stca.ModelMark is ModelMark is stca.ModelFingerprint
    assert Stay is Appearance


def test_modules_that_became_packages_keep_their_names() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        from stca.gallery.store import Store
        from stca.models.backbones import create_stream2d
        from stca.models.weights import load_weights
        from stca.tracks import find_tracklets
    assert all(map(callable, (Store, create_stream2d, load_weights, find_tracklets)))


def test_the_package_itself_uses_no_old_name() -> None:
    assert not any(name in sys.modules and sys.modules[name].__name__ == name for name in MOVED)


def test_other_missing_modules_stay_missing() -> None:
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("stca.nothing")
