"""`stca watch`."""

from __future__ import annotations

import argparse
from importlib import resources
from pathlib import Path

from stca.cli.parsing import Verbs, add_verb


def add_verbs(verbs: Verbs) -> None:
    """Add `watch`."""
    verb = add_verb(
        verbs, "watch", _watch, help="watch cameras: the same person across them as they walk, as events"
    )
    verb.add_argument(
        "cameras",
        type=Path,
        nargs="?",
        help="a TOML file: what is watched, and who is told (docs/watch.md)",
    )
    verb.add_argument("--example", action="store_true", help="print such a file, to be filled in")
    verb.add_argument(
        "--check",
        action="store_true",
        help="only check the file, every mistake with its line, and that its detectors, model, folders and "
        "gallery can be used; nothing is made, no camera is called",
    )
    verb.add_argument(
        "--alert",
        action="append",
        default=[],
        metavar="PERSON|KEY|SEARCH",
        help="give an alert, once per visit, when it is this person, the person of this tracklet, or who is "
        "searched for by this saved search of the page; may be repeated",
    )
    verb.add_argument(
        "--events",
        action="append",
        metavar="FILE",
        help="append events as JSON lines to FILE instead of printing them; - prints; may be repeated",
    )
    verb.add_argument(
        "--for",
        type=_seconds,
        metavar="SECONDS",
        dest="seconds",
        help="stop after so many seconds, of which the first go to starting",
    )


def _seconds(text: str) -> float:
    try:
        value = float(text)
        if not 0 < value < 1e9:
            raise ValueError
    except ValueError:
        raise argparse.ArgumentTypeError(f"a number of seconds above 0 is needed, not {text!r}") from None
    return value


def _watch(given: argparse.Namespace) -> None:
    from stca.errors import ConfigError

    if given.example:
        print((resources.files("stca.watch") / "example.toml").read_text(encoding="utf-8"), end="")
        return
    if given.cameras is None:
        raise ConfigError(
            "Nothing says which cameras to watch",
            expected="a TOML file",
            hint="stca watch --example > cameras.toml",
        )
    if not given.cameras.is_file():
        raise ConfigError(
            "There is no such file of cameras",
            where=given.cameras,
            hint=f"stca watch --example > {given.cameras}",
        )
    from stca.watch import read_settings, watch

    settings = read_settings(given.cameras)
    if given.check:
        from stca.watch.starting import check_start

        notes = check_start(settings, alerts=given.alert, events=given.events or ["-"])
        names = ", ".join(camera.name for camera in settings.cameras)
        print(f"{given.cameras}: {len(settings.cameras)} cameras ({names}), no mistakes")
        for words in notes:
            print(words)
        return
    watch(settings, alerts=given.alert, events=given.events or ["-"], seconds=given.seconds)
