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


def test_what_lasts_is_not_looked_at_again() -> None:
    before = gc.get_freeze_count()
    try:
        with no_collector(lasting=True):
            made = [[] for _ in range(100)]
        assert gc.get_freeze_count() >= before + len(made)
    finally:
        gc.unfreeze()


def test_who_held_it_before_still_does() -> None:
    with no_collector():
        with no_collector():
            pass
        assert not gc.isenabled()
