"""Fixtures for all tests; every public signature's shapes are checked while they run."""

import gc
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jaxtyping
import numpy as np
import pytest
from hypothesis import settings
from jaxtyping import config as jaxtyping_config
from jaxtyping import install_import_hook
from PIL import Image

import typecheck

# Small networks on many threads, in many test processes, mostly wait for each other. Set before torch comes; a
# variable that is set to nothing is none.
os.environ["OMP_NUM_THREADS"] = os.environ.get("OMP_NUM_THREADS") or "1"

# Tests start hundreds of processes: what one has compiled serves the next, whatever the environment says.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Must run before stca is imported anywhere: it wraps annotated functions in beartype's checks.
if "stca" not in sys.modules:
    jaxtyping.jaxtyped = typecheck.jaxtyped
    install_import_hook("stca", "typecheck.check")

# How long an example takes depends on who else uses the machine.
settings.register_profile("stca", deadline=None)
settings.load_profile("stca")

ROOT = Path(__file__).parent.parent


LONG = (
    "models/test_every_model.py",
    "models/peers",
    "test_readme.py",
    "test_processes.py",
    "inference/test_runtimes.py",
    "test_export.py",
    "walkers",
    "web/browser",
    "cli",
    "experiments",
    "web/api/test_work.py",
    "gallery/store/test_durability.py",
)
"""Files that take long, and folders with such files: none of them may be the last that a process works on."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest; `make test` hands whole files to its processes in this order."""

    def place(item: pytest.Item) -> int:
        file = item.path.relative_to(ROOT / "tests").as_posix()
        return next((i for i, start in enumerate(LONG) if file.startswith(start)), len(LONG))

    items.sort(key=place)


def pytest_collection_finish() -> None:
    """Leave alone what is imported by now: the collector would go through a million objects again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real footage and protocol files that are not part of the project."""
    folder = Path(os.environ.get("STCA_SHARED") or ROOT.parent / "shared")
    if not folder.is_dir():
        pytest.skip(f"needs real data at {folder} (set STCA_SHARED)")
    return folder


def pytest_runtest_setup() -> None:
    """Keep absl, which OpenVINO's converter imports, from closing the file that pytest captures stderr in.

    It closes what it logs to as soon as pymilvus or uvicorn configure logging, unless that is the present stderr.
    """
    if absl := sys.modules.get("absl.logging"):
        absl.get_absl_handler().python_handler.stream = sys.__stderr__


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep tests out of the user's cache."""
    base = tmp_path_factory.getbasetemp() / "cache"
    monkeypatch.setenv("STCA_CACHE", str(base))


HIDDEN = frozenset(filter(None, os.environ.get("STCA_TEST_HIDE", "").split(",")))
"""What this machine's processor is to do without: "bf16", "int8"."""
if HIDDEN - {"bf16", "int8"}:
    raise pytest.UsageError(f"STCA_TEST_HIDE is of bf16 and int8, not {', '.join(sorted(HIDDEN))}")


class HidingCore:
    """An OpenVINO core that does not know of everything the processor has."""

    def __init__(self, core: Any) -> None:
        self._core = core

    def __getattr__(self, name: str) -> Any:
        return getattr(self._core, name)

    def get_property(self, device: str, name: str) -> Any:
        value = self._core.get_property(device, name)
        if name != "OPTIMIZATION_CAPABILITIES":
            return value
        return [kind for kind in value if kind.lower() not in HIDDEN]


if HIDDEN:

    @pytest.fixture(autouse=True)
    def _hide_what_the_processor_has(monkeypatch: pytest.MonkeyPatch) -> None:
        """Where the product asks PyTorch and OpenVINO, they say what a processor without it makes them say."""
        import torch

        from stca.inference import openvino_runtime

        core = openvino_runtime.openvino_core
        monkeypatch.setattr(openvino_runtime, "openvino_core", lambda: HidingCore(core()))
        if hasattr(torch.cpu, "get_capabilities"):
            real = torch.cpu.get_capabilities()
            known = {name: found for name, found in real.items() if not name.endswith(tuple(HIDDEN))}
            monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: known)


@pytest.fixture
def as_users_run_it() -> Iterator[None]:
    """Without the checks of annotations, which would come before the checks users meet."""
    jaxtyping_config.update("jaxtyping_disable", True)
    yield
    jaxtyping_config.update("jaxtyping_disable", False)


@pytest.fixture(scope="session")
def make_people() -> Callable[..., Path]:
    def make(
        root: Path, *, persons: int = 4, cameras: int = 2, tracklets: int = 2, frames: int = 5, seed: int = 0
    ) -> Path:
        """A `folder` data set of 48x24 JPEGs: every person has a colour above and one below, and some noise."""
        rng = np.random.default_rng(seed)
        for person in range(persons):
            colours = rng.integers(0, 256, (2, 3))
            for camera in range(cameras):
                for tracklet in range(tracklets):
                    place = root / f"person {person}" / f"camera {camera}" / f"walk {tracklet}"
                    place.mkdir(parents=True)
                    for frame in range(frames):
                        picture = np.repeat(colours, 24, axis=0)[:, None] + rng.normal(0, 20, (48, 24, 3))
                        Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(
                            place / f"{frame:04d}.jpg"
                        )
        return root

    return make


@pytest.fixture(scope="session")
def people(make_people: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four persons in two cameras, two tracklets of five frames each. To be read only."""
    return make_people(tmp_path_factory.mktemp("people") / "root")
