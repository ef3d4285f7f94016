"""Keys of runs: 12 hexadecimal digits of a hash of everything that determines the result.

Only settings that differ from their default are included, so settings added later do not change existing
keys. Published data sets are included by name, walkers by their `walkers.json`, pretrained weights by their
content, and precision as resolved on this machine: bf16 and float32 runs have different keys.
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
"""Published data sets, which are the same under any root."""


def key_of(config: RunConfig) -> str:
    """The key of a config.

    Raises:
        ConfigError: precision is "auto" for a GPU that this machine does not have.

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
    """The config with precision "auto" replaced by the one it selects on this machine.

    Raises:
        ConfigError: as `key_of`.

    """
    if config.precision != "auto":
        return config
    return dataclasses.replace(config, precision=resolve_precision("auto", resolve_device(config.device)))


def _settings(config: RunConfig) -> dict[str, object]:
    """The relevant settings that differ from their default."""
    default = _all_settings(RunConfig())
    return {name: value for name, value in _all_settings(config).items() if value != default[name]}


def _all_settings(config: RunConfig) -> dict[str, object]:
    """The settings that can affect the result, by name."""
    mine = _flat(dataclasses.asdict(config))
    return {k: v for k, v in mine if k not in _IGNORED and not k.startswith("eval.")}


def differing_settings(requested: RunConfig, stored: RunConfig) -> dict[str, tuple[object, object]]:
    """Relevant settings in which two configs differ; lists and tuples compare equal.

    Args:
        requested: the config of a run.
        stored: the config written when the run started; it always contains the image size.

    """
    mine, others = (json.loads(json.dumps(_all_settings(resolved(each)))) for each in (requested, stored))
    if requested.model.image_size is None:
        others["model.image_size"] = None
    return {name: (mine[name], others[name]) for name in mine if mine[name] != others[name]}


def stored_config(file: Path) -> RunConfig:
    """Read a run's `config.yaml`; cached until the file changes.

    Raises:
        ConfigError: the file holds no config.

    """
    return _stored(*_stamp(file))


def _flat(content: dict[str, Any]) -> Iterator[tuple[str, object]]:
    """Flatten sections to `section.name`."""
    for section, values in content.items():
        if isinstance(values, dict):
            yield from ((f"{section}.{name}", value) for name, value in values.items())
        else:
            yield section, values


def _which_data(source: str, roots: Sequence[str]) -> list[object]:
    """What identifies a data set."""
    if source in _PUBLISHED:
        return []
    if source == "walkers":
        return [read_json(Path(root) / "walkers.json") or root for root in roots]
    return [str(Path(root).expanduser().absolute()) for root in roots]


def _content(path: Path) -> str:
    """The digest of a file; its name if it does not exist."""
    return _digest(*_stamp(path)) if path.is_file() else path.name


def _stamp(path: Path) -> tuple[Path, int, int]:
    """Path, modification time and size: cache key of a file."""
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
    """Read JSON; None if the file is missing or damaged."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError, RecursionError):
        return None
