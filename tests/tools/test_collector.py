"""The collector is held for a while, and is afterwards as it was."""

from __future__ import annotations

import gc

import pytest

from stca.tools.collector import no_collector


def _fail() -> None:
    with no_collector():
        assert not gc.isenabled()
        raise KeyError


def test_it_is_held_and_let_go_whatever_happens() -> None:
    assert gc.isenabled()
    with pytest.raises(KeyError):
        _fail()
    assert gc.isenabled()


def test_who_held_it_before_still_does() -> None:
    with no_collector():
        with no_collector():
            pass
        assert not gc.isenabled()
