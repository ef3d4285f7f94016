import ast
import inspect
from pathlib import Path

import pytest

import stca

NAMES = {
    "DATASETS",
    "MODELS",
    "PROTOCOLS",
    "RECIPES",
    "STCA",
    "BatchHardTriplet",
    "CenterLoss",
    "CheckpointError",
    "Complexity",
    "ConfigError",
    "CrossAttention",
    "DatasetError",
    "DownloadError",
    "Embeddings",
    "ExportReport",
    "FrameError",
    "Gallery",
    "GalleryError",
    "Hit",
    "ModelFingerprint",
    "ModelMark",
    "PKSampler",
    "Protocol",
    "RankMetrics",
    "RankingError",
    "ReIDObjective",
    "ReIDOutput",
    "Record",
    "RunConfig",
    "RunDir",
    "Splits",
    "StcaError",
    "Tracklet",
    "TrainingError",
    "add_tracklets",
    "create_model",
    "embed_tracklets",
    "evaluate",
    "export_model",
    "load_dataset",
    "load_model",
    "load_pretrained",
    "load_weights",
    "measure_complexity",
    "rank",
    "recipe",
    "sample_clips",
    "save_model",
    "track_video",
    "train",
}
SOURCE = Path(__file__).parent.parent / "src" / "stca"


def kind(name: str) -> int:
    """CONSTANTS, then Classes, then functions, as the linter sorts."""
    return 0 if name.isupper() else 1 if name[0].isupper() else 2


def test_the_public_names_are_these() -> None:
    assert set(stca.__all__) == NAMES


def test_they_are_sorted_and_named_once() -> None:
    assert list(stca.__all__) == sorted(set(stca.__all__), key=lambda name: (kind(name), name))


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_name_resolves_and_is_documented(name: str) -> None:
    thing = getattr(stca, name)
    if kind(name) == 0 and isinstance(thing, dict):
        assert thing
        return
    doc = vars(thing).get("__doc__") if isinstance(thing, type) else thing.__doc__
    assert doc
    assert not doc.startswith(f"{name}("), "a docstring of its own, not the one that dataclasses make up"
    assert inspect.getmodule(thing).__name__.startswith("stca.")


def test_nothing_else_is_public_but_modules() -> None:
    others = [n for n in vars(stca) if not n.startswith("_") and n not in NAMES]
    assert all(inspect.ismodule(vars(stca)[n]) for n in others), others


def test_the_version_is_that_of_the_installation() -> None:
    from importlib.metadata import version

    assert stca.__version__ == version("stca")


@pytest.mark.parametrize("package", sorted(p.parent.name for p in SOURCE.glob("*/__init__.py")))
def test_what_a_package_exports_is_sorted_and_there(package: str) -> None:
    tree = ast.parse((SOURCE / package / "__init__.py").read_text())
    assert ast.get_docstring(tree)
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            names = ast.literal_eval(node.value)
            assert names == sorted(set(names), key=lambda name: (kind(name), name))
            module = __import__(f"stca.{package}", fromlist=names)
            assert all(hasattr(module, name) for name in names)
