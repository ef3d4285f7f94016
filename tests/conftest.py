"""Fixtures for all tests; every public signature's shapes are checked while they run."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from jaxtyping import config as jaxtyping_config
from jaxtyping import install_import_hook

# Must run before stca is imported anywhere: it wraps annotated functions in beartype's checks.
if "stca" not in sys.modules:
    install_import_hook("stca", "typecheck.check")

# How long an example takes depends on who else uses the machine.
settings.register_profile("stca", deadline=None)
settings.load_profile("stca")

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real footage and protocol files that are not part of the project."""
    folder = Path(os.environ.get("STCA_SHARED") or ROOT.parent / "shared")
    if not folder.is_dir():
        pytest.skip(f"needs real data at {folder} (set STCA_SHARED)")
    return folder


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep tests out of the user's cache."""
    base = tmp_path_factory.getbasetemp() / "cache"
    monkeypatch.setenv("STCA_CACHE", str(base))


@pytest.fixture
def as_users_run_it() -> Iterator[None]:
    """Without the checks of annotations, which would come before the checks users meet."""
    jaxtyping_config.update("jaxtyping_disable", True)
    yield
    jaxtyping_config.update("jaxtyping_disable", False)
