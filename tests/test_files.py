import os
import stat
from pathlib import Path

import pytest

from stca.files import atomic_write, cache_dir, write_text


def test_a_file_appears_whole_with_its_parents(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "text.txt"
    with atomic_write(path) as file:
        file.write(b"half")
        assert not path.exists()
        file.write(b" and half")
    assert path.read_bytes() == b"half and half"
    assert [p.name for p in path.parent.iterdir()] == ["text.txt"]


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_what_was_there_stays_when_writing_fails(tmp_path: Path, failure: BaseException) -> None:
    path = tmp_path / "precious"
    path.write_text("old")

    def write() -> None:
        with atomic_write(path) as file:
            file.write(b"new")
            raise failure

    with pytest.raises(type(failure)):
        write()
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["precious"]


def test_nothing_is_left_when_the_first_write_fails(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), atomic_write(tmp_path / "new"):
        raise RuntimeError
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_the_mode_is_what_open_would_have_given(tmp_path: Path, mask: int, mode: int) -> None:
    before = os.umask(mask)
    try:
        write_text(tmp_path / "x", "x")
    finally:
        assert os.umask(before) == mask
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == mode


def test_text_is_utf8(tmp_path: Path) -> None:
    write_text(tmp_path / "x", "Käthe, 日本")
    assert (tmp_path / "x").read_bytes().decode("utf-8") == "Käthe, 日本"


def test_the_cache_lies_where_it_is_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STCA_CACHE", "/one")
    assert cache_dir() == Path("/one")
    monkeypatch.delenv("STCA_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/two")
    assert cache_dir() == Path("/two/stca")
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    assert cache_dir() == Path.home() / ".cache" / "stca"
