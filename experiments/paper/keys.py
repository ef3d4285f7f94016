"""What decides a run's result, as a key of 12 hexadecimal digits.

Settings count where they are not the default, so that a setting which a later version adds changes no key.
Published data sets count by their name, walkers by their `walkers.json`, pretrained weights by their content,
and precision by what it is on this machine: a run in bf16 is another than one in float32.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from stca.config import RunConfig
from stca.run_dir import RunDir
from stca.tools.devices import resolve_device, resolve_precision

_IGNORED = {
    *("recipe", "device", "workers", "log_every", "checkpoint_every", "checkpoint_steps"),
    *("batch.checkpoint_activations", "data.roots", "data.eval_roots", "model.weights"),
}
_PUBLISHED = ("mars", "duke_video", "ilids_vid", "prid2011")
"""Published data sets: wherever they lie, they are the same."""


def key_of(config: RunConfig) -> str:
    """The key.

    Raises:
        ConfigError: precision "auto" of a GPU that is not here.

    """
    data, model = config.data, config.model
    content = {
        **_settings(resolved(config)),
        "data.roots": _which_data(data.source, data.roots),
        "data.eval_roots": _which_data(data.eval_source or data.source, data.eval_roots),
        "model.weights": [_content(Path(path)) for path in model.weights],
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


def resolved(config: RunConfig) -> RunConfig:
    """With the precision that "auto" is on this machine.

    Raises:
        ConfigError: as `key_of`.

    """
    if config.precision != "auto":
        return config
    return dataclasses.replace(config, precision=resolve_precision("auto", resolve_device(config.device)))


def _settings(config: RunConfig) -> dict[str, object]:
    """What matters and is not the default, so that a setting which a later version adds changes no key."""
    default = _all_settings(RunConfig())
    return {name: value for name, value in _all_settings(config).items() if value != default[name]}


def _all_settings(config: RunConfig) -> dict[str, object]:
    """What matters."""
    mine = _flat(dataclasses.asdict(config))
    return {k: v for k, v in mine if k not in _IGNORED and not k.startswith("eval.")}


def differing_settings(asked: RunConfig, there: RunConfig) -> dict[str, tuple[object, object]]:
    """Settings that matter and are not the same; a list and a tuple are all one.

    Args:
        asked: for a run.
        there: what a run noted when it began: its model's image size stands in it even where nobody gave one.

    """
    mine, others = (json.loads(json.dumps(_all_settings(resolved(each)))) for each in (asked, there))
    if asked.model.image_size is None:
        others["model.image_size"] = None
    return {name: (mine[name], others[name]) for name in mine if mine[name] != others[name]}


def stored_config(file: Path) -> RunConfig:
    """Of a run's `config.yaml`; read again only when it has changed.

    Raises:
        ConfigError: it holds no config.

    """
    return _stored(*_stamp(file))


def _flat(content: dict[str, Any]) -> Iterator[tuple[str, object]]:
    """The settings of sections as `section.name`."""
    for section, values in content.items():
        if isinstance(values, dict):
            yield from ((f"{section}.{name}", value) for name, value in values.items())
        else:
            yield section, values


def _which_data(source: str, roots: Sequence[str]) -> list[object]:
    """What tells one data set from another."""
    if source in _PUBLISHED:
        return []
    if source == "walkers":
        return [read_json(Path(root) / "walkers.json") or root for root in roots]
    return [str(Path(root).expanduser().absolute()) for root in roots]


def _content(path: Path) -> str:
    """A file's digest; its name where it is not here."""
    return _digest(*_stamp(path)) if path.is_file() else path.name


def _stamp(path: Path) -> tuple[Path, int, int]:
    """What is another when a file has changed."""
    status = path.stat()
    return path, status.st_mtime_ns, status.st_size


@functools.cache
def _digest(path: Path, _time: int, _size: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@functools.cache
def _stored(file: Path, _time: int, _size: int) -> RunConfig:
    return RunDir(file.parent).config()


def read_json(path: Path) -> Any:
    """JSON; None for what is missing or damaged."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError, RecursionError):
        return None
