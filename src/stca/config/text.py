"""A config as YAML, and dotted overrides."""

from __future__ import annotations

import dataclasses
import functools
import operator
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml
from jsonargparse import ArgumentError, ArgumentParser

from stca.config.settings import RunConfig
from stca.errors import ConfigError
from stca.tools.lookup import as_tuples, suggest


def to_yaml(config: RunConfig) -> str:
    """As text that `from_yaml` reads."""
    return yaml.safe_dump(_plain(dataclasses.asdict(config)), sort_keys=False)


def from_yaml(text: str) -> RunConfig:
    """Read a config.

    Raises:
        ConfigError: no YAML, an alias, an unknown key, or a wrong type; names what is valid.

    """
    try:
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text)):
            # A few lines of them can stand for more values than memory holds.
            raise ConfigError(
                "A config has no YAML aliases", expected="every value written out", found="*alias"
            )
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError("This is no YAML", found=error) from error
    if not isinstance(content, dict):
        raise ConfigError("This is no config", expected="keys and values", found=type(content).__name__)
    return _build(content)


def override(config: RunConfig, assignments: Sequence[str]) -> RunConfig:
    """Change single values: `["optim.lr=1e-4", "data.roots=[/data/mars]"]`.

    Raises:
        ConfigError: not of the form key=value, an unknown key, or a wrong type; names what is valid.

    """
    content = _plain(dataclasses.asdict(config))
    for key, value in parse_assignments(assignments).items():
        _check_key(key)
        *path, last = key.split(".")
        place = content
        for part in path:
            place = place[part]
        place[last] = _plain(value)
    return _build(content)


def parse_assignments(assignments: Sequence[str]) -> dict[str, Any]:
    """`["a=1", "b=[2, 3]"]` as {"a": 1, "b": (2, 3)}; values are YAML.

    Raises:
        ConfigError: not of the form key=value.

    """
    values: dict[str, Any] = {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals:
            raise ConfigError("A setting is key=value", expected="optim.lr=1e-4", found=assignment)
        values[key] = as_tuples(_parse(text))
    return values


def differences(old: RunConfig, new: RunConfig) -> list[str]:
    """Options that differ, as `optim.lr=0.1 (was 0.2)`; a list equals a tuple of the same values."""
    before, after = _values(old), _values(new)
    return [f"{key}={value} (was {before[key]})" for key, value in after.items() if value != before[key]]


def _values(config: RunConfig) -> dict[str, Any]:
    content = _plain(dataclasses.asdict(config))
    return {key: functools.reduce(operator.getitem, key.split("."), content) for key, _ in _keys(RunConfig)}


def _parse(text: str) -> object:
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        return text
    if isinstance(value, str):  # YAML 1.1 takes 1e-4 for a string
        try:
            return float(value)
        except ValueError:
            return value
    return value


def _check_key(key: str) -> None:
    known = dict(_keys(RunConfig))
    parent = key.rpartition(".")[0]
    if key in known or known.get(parent) == "dict":
        return
    raise ConfigError(
        f"There is no option {key!r}", expected=f"one of {', '.join(known)}", hint=suggest(key, known)
    )


def _keys(kind: type, prefix: str = "") -> Iterator[tuple[str, str]]:
    for each in dataclasses.fields(kind):
        default = each.default_factory() if callable(each.default_factory) else each.default
        if dataclasses.is_dataclass(default):
            yield from _keys(type(default), f"{prefix}{each.name}.")
        else:
            yield prefix + each.name, type(default).__name__


def _build(content: Mapping[Any, Any]) -> RunConfig:
    known = dict(_keys(RunConfig))
    for key, value in _leaves(content):
        _check_key(key)
        if value is None and known.get(key, "NoneType") != "NoneType":  # what may be None is so by default
            raise ConfigError(
                f"{key} has no value", expected=known[key], found="null", hint="leave it out for its default"
            )
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(RunConfig)
    try:
        parsed = parser.parse_object(dict(content))
        return RunConfig(**parser.instantiate(parsed).as_dict())
    except (ArgumentError, TypeError, ValueError) as error:
        raise ConfigError("A value of the config has the wrong type", found=error) from error


def _leaves(content: Mapping[Any, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    known = dict(_keys(RunConfig))
    for name, value in content.items():
        key = f"{prefix}{name}"
        if isinstance(value, Mapping) and known.get(key) != "dict":
            yield from _leaves(value, f"{key}.")
        else:
            yield key, value


def _plain(value: Any) -> Any:
    """Tuples as lists, for YAML."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, list | tuple) else value
