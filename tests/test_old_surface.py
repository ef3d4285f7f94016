"""Public names, verbs, options and exit statuses of version 0.1 are still there; more of them are welcome."""

import json
from pathlib import Path
from typing import Any

import pytest

import stca
from stca.cli.main import build_parser
from surface import CALLS, exit_status, verbs_of

OLD = json.loads((Path(__file__).parent / "data" / "v0_1" / "surface.json").read_text())
CHANGED = {("stca track", "--detector"): None}
"""Defaults that were changed on purpose: the strongest detector that was fetched, else `motion` as before."""
ACCEPTING_ONE = (None, "?", "*", "+")
"""Counts of words that allow a single one."""


@pytest.mark.parametrize("name", OLD["names"])
def test_a_name_is_still_there(name: str) -> None:
    assert hasattr(stca, name)
    assert name in stca.__all__


@pytest.mark.parametrize("verb", OLD["verbs"])
def test_a_verb_takes_what_it_took(verb: str) -> None:
    before, now = OLD["verbs"][verb], verbs_of(build_parser())[verb]
    assert set(now["options"]) >= set(before["options"])
    for option, about in before["options"].items():
        if (verb, option) in CHANGED:
            about = {**about, "default": CHANGED[verb, option]}
        assert_still_taken(about, now["options"][option])
    assert len(now["positionals"]) >= len(before["positionals"])
    for about, there in zip(before["positionals"], now["positionals"], strict=False):
        assert_still_taken(about, there)
    for more in now["positionals"][len(before["positionals"]) :]:
        assert not more["required"]
    for option in set(now["options"]) - set(before["options"]):
        assert not now["options"][option]["required"], option


def assert_still_taken(before: dict[str, Any], now: dict[str, Any]) -> None:
    assert before["required"] or not now["required"]
    assert before["default"] == now["default"]
    if before["nargs"] is None:
        assert now["nargs"] in ACCEPTING_ONE
    else:
        assert before["nargs"] == now["nargs"]
    assert now["choices"] is None or set(now["choices"]) >= set(before["choices"] or ())
    assert now["choices"] is None or before["choices"] is not None


@pytest.mark.parametrize("name", CALLS)
def test_an_exit_status_is_what_it_was(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    assert exit_status(CALLS[name]) == OLD["statuses"][name]
