import multiprocessing
import os
import stat
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from stca.errors import ConfigError
from stca.tools.files import atomic_write, cache_dir, locked, portable_key, stem, twice, write_text


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


def test_one_holds_a_lock_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    with (
        locked(path, taken="in use"),
        pytest.raises(ConfigError, match="in use") as caught,
        locked(path, taken="in use"),
    ):
        pass
    assert caught.value.where == tmp_path
    with pytest.raises(KeyError), locked(path, taken="in use"):
        raise KeyError
    with locked(path, taken="in use"):
        pass


def test_a_forked_process_does_not_hold_its_parents_lock(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    with locked(tmp_path / ".lock", taken="in use"):
        worker = context.Process(target=theirs.recv)
        worker.start()
    try:
        for _ in range(100):  # until the worker has run its first lines
            with suppress(ConfigError), locked(tmp_path / ".lock", taken="in use"):
                break
            time.sleep(0.1)
        else:
            pytest.fail("the worker holds the lock")
    finally:
        ours.send(None)
        worker.join()


def test_a_lock_without_locks_holds_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fcntl", None)
    with locked(tmp_path / ".lock", taken="in use"), locked(tmp_path / ".lock", taken="in use"):
        pass


def test_digits_behind_a_dot_are_no_suffix() -> None:
    names = {
        "cam.1": "cam.1",
        "cam.1.mp4": "cam.1",
        "cam": "cam",
        "cam.mp4": "cam",
        ".mp4": ".mp4",
        "a.mp4": "a",
    }
    assert {name: stem(Path(name)) for name in names} == names


def test_names_that_some_system_takes_for_one() -> None:
    assert twice(["door", "yard", "Door", "gate"]) == ["door", "Door"]
    assert twice(["a", "b", "a"]) == ["a"]
    assert twice(["straße", "STRASSE"]) == ["straße", "STRASSE"]
    assert twice(["caf\u00e9", "cafe\u0301"]) == ["caf\u00e9", "cafe\u0301"]
    assert twice(["door.", "door"]) == ["door.", "door"]
    assert twice(["cam.1", "cam.2", "cam1", "cam_1"]) == []
    assert portable_key("Door") != portable_key("Doors")
