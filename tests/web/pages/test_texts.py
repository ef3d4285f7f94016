"""Every text comes from one file, and every text there is used."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("fastapi")

import stca.web
from stca.web.pages.shown.rendering import environment
from stca.web.texts import TEXTS, text

WEB = Path(stca.web.__file__).parent
TEMPLATES = sorted((WEB / "templates").glob("*.html"))
MADE = re.compile(r"""\bt\(\s*"([^"]*)"\s*~\s*[^,()]*(?:\([^()]*\))?[^,()]*(?:~\s*"([^"]*)")?\s*[,)]""")
"""A name that is put together: t("done." ~ kind)."""


def names_used() -> tuple[set[str], list[re.Pattern[str]]]:
    whole, patterns = set(), []
    for path in TEMPLATES:
        source = path.read_text(encoding="utf-8")
        for call in re.findall(r"\bt\((.*?)\)(?=\s*[}|,)~%]|\s+(?:if|else))", source, re.DOTALL):
            for quoted in re.findall(r"""["']([a-z_]+(?:\.[a-z_0-9 -]+)*\.?)["']""", call):
                whole.add(quoted)
        for start, end in MADE.findall(source):
            patterns.append(re.compile(re.escape(start) + ".*" + re.escape(end)))
    for path in sorted(WEB.rglob("*.py")):
        for call in re.findall(
            r"""(?<![\w.])text\(\s*(.*?)[,)]""", path.read_text(encoding="utf-8"), re.DOTALL
        ):
            whole.update(re.findall(r"""(?<!f)"([a-z_]+\.[a-z_]+)\"""", call))
            patterns += [
                re.compile(re.escape(start) + ".*" + re.escape(end))
                for start, end in re.findall(r"""f"([a-z_.]+)\{.*?\}([a-z_.]*)\"""", call)
            ]
    return whole, patterns


def test_every_text_is_used() -> None:
    whole, patterns = names_used()
    unused = [name for name in TEXTS if name not in whole and not any(p.fullmatch(name) for p in patterns)]
    assert not unused


def test_templates_hold_no_words() -> None:
    for path in TEMPLATES:
        source = re.sub(
            r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", " ", path.read_text(encoding="utf-8"), flags=re.DOTALL
        )
        outside = re.sub(r"<[^>]*>", " ", source)
        assert not re.findall(r"[A-Za-z]{2,}", outside.replace("&nbsp;", " ")), path.name
        for name in ("alt", "title", "placeholder", "aria-label"):
            assert not re.findall(rf'\s{name}="[^"]*[A-Za-z]', source), (path.name, name)


def test_scripts_hold_no_sentences() -> None:
    for path in (WEB / "static").glob("*.js"):
        if path.name != "htmx.min.js":
            code = re.sub(r"//.*", "", path.read_text(encoding="utf-8"))
            assert not re.findall(r'"[A-Z][a-z]+ [a-z]+[^"]*"', code), path.name


def test_nothing_is_shown_unescaped() -> None:
    assert environment().autoescape is True
    for path in TEMPLATES:
        source = path.read_text(encoding="utf-8")
        assert "|safe" not in source.replace(" ", ""), path.name
        assert "autoescape" not in source, path.name


def test_forms_of_a_number() -> None:
    assert text("count.sightings", n=1) == "1 sighting"
    assert text("count.sightings", n=0) == "0 sightings"
    assert text("count.sightings", n=12_345) == "12,345 sightings"
    with pytest.raises(KeyError):
        text("there is none")
    with pytest.raises(KeyError):
        text("person.number", other=1)


def test_every_name_there_is_has_a_text() -> None:
    whole, patterns = names_used()
    assert len(whole) > 200
    missing = [name for name in whole if "." in name and name[-1] not in "._" and name not in TEXTS]
    assert not missing
    assert all(any(pattern.fullmatch(name) for name in TEXTS) for pattern in patterns)
