"""What the keys of cameras.toml take."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from stca.errors import GalleryError, StcaError
from stca.footage.containers import is_address
from stca.gallery.milvus.address import parse_address
from stca.gallery.times import parse_age
from stca.tracking import DETECTORS, DetectorOptions, Region
from stca.tracking.associate import TRACKERS
from stca.tracking.detectors.detect import AUTO, PACKAGED, open_with_options
from stca.tracking.options import check_camera
from stca.watch.checking import Kind, WrongError


def required(kind: Kind) -> Kind:
    """A key that must be there."""
    return Kind(kind.read, required=True)


def _text(value: Any, *_: Any) -> str:
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise WrongError("is a text")
    return value


text = Kind(_text)


def _flag(value: Any, *_: Any) -> bool:
    if not isinstance(value, bool):
        raise WrongError("is true or false")
    return value


flag = Kind(_flag)


def number(least: float, most: float) -> Kind:
    """A number from `least` to `most`."""

    def read(value: Any, *_: Any) -> float:
        right = isinstance(value, int | float) and not isinstance(value, bool)
        if not right or not least <= value <= most:  # NaN neither
            raise WrongError(f"is a number from {least:g} to {most:g}")
        return float(value)

    return Kind(read)


def whole(least: int, most: int) -> Kind:
    """A whole number from `least` to `most`."""

    def read(value: Any, *_: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise WrongError(f"is a whole number from {least} to {most}")
        return value

    return Kind(read)


def _age(value: Any, *_: Any) -> float:
    try:
        return parse_age(_text(value))
    except ValueError:
        raise WrongError("is a number and s, m, h, d or w, for example 30d") from None


age = Kind(_age)


def one_of(*words: str) -> Kind:
    """One of these words."""

    def read(value: Any, *_: Any) -> str:
        if value not in words:
            raise WrongError(f"is {' or '.join(words)}")
        return str(value)

    return Kind(read)


def _folder(value: Any, home: Path, _: Any) -> Path:
    return home / _text(value)


folder = Kind(_folder)


def _gallery(value: Any, home: Path, _: Any) -> Path | str:
    place = _text(value)
    if "://" not in place:
        return home / place
    try:
        parse_address(place)
    except GalleryError as error:
        hint = f"; {error.hint}" if error.hint else ""
        raise WrongError(f"is a folder or {error.expected}{hint}") from error
    return place


gallery = Kind(_gallery)


def _model(value: Any, home: Path, _: Any) -> str:
    name = _text(value)
    return str(home / name) if (home / name).exists() else name


model = Kind(_model)
tracker = one_of(*TRACKERS)


def _camera_name(value: Any, *_: Any) -> str:
    name = _text(value)
    try:
        check_camera(name)
    except StcaError as error:
        raise WrongError(f"is {error.expected}") from error
    return name


camera_name = Kind(_camera_name)


def _source(value: Any, home: Path, table: Mapping[str, Any]) -> str:
    place = _text(value)
    if is_address(place):
        return place
    if place.startswith("usb:"):
        if not place[4:].isdecimal():
            raise WrongError("of a USB camera is usb: and its number, for example usb:0")
        return place
    path = home / place
    if path.is_file():
        if table.get("as_live") is not True:
            raise WrongError("is a file, which is only played at its own speed (as_live = true)")
    elif not path.is_dir():
        raise WrongError("is an address, a video file, a folder, or usb:0; there is no such file or folder")
    return str(path)


source = Kind(_source)


def _detector(value: Any, home: Path, _: Any) -> str:
    name = _text(value)
    if (home / name).is_file() and name not in (AUTO, *DETECTORS):
        name = str(home / name)
    try:
        open_with_options(PACKAGED if name == AUTO else name, DetectorOptions())
    except StcaError as error:
        found = "" if error.found is None else f": {error.found}"
        hint = f"; {error.hint}" if error.hint else ""
        raise WrongError(f"cannot be opened ({error.what}{found}{hint})") from error
    except Exception as error:  # a detector of the user's own module may raise anything
        raise WrongError(f"cannot be opened ({type(error).__name__}: {error})") from error
    return name


detector = Kind(_detector)


def _masks(value: Any, *_: Any) -> tuple[Region, ...]:
    if not isinstance(value, list):
        raise WrongError("is a list of polygons [X, Y, X, Y, X, Y, ...]")
    regions = []
    for polygon in value:
        right = isinstance(polygon, list) and len(polygon) % 2 == 0
        if not right or not all(isinstance(n, int | float) and not isinstance(n, bool) for n in polygon):
            raise WrongError("is a list of polygons [X, Y, X, Y, X, Y, ...]")
        try:
            regions.append(
                Region(tuple((float(x), float(y)) for x, y in zip(polygon[::2], polygon[1::2], strict=True)))
            )
        except StcaError as error:
            raise WrongError(f"is a list of polygons of {error.expected}") from error
        except OverflowError as error:
            raise WrongError("is a list of polygons in pixels") from error
    return tuple(regions)


masks = Kind(_masks)


def _web_address(value: Any, *_: Any) -> str:
    address = _text(value)
    try:
        parts = urlsplit(address)
        right = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        right = False
    if not right:
        raise WrongError("is an address http://... or https://...")
    if "@" in parts.netloc:
        raise WrongError("is an address without user and password: the secret signs what is sent")
    return address


web_address = Kind(_web_address)


def _host(value: Any, *_: Any) -> str:
    name = _text(value)
    if set("@/ ") & set(name):
        raise WrongError("is a name or a number of a machine; port, username and password are keys of [mqtt]")
    return name


host = Kind(_host)


def _hidden(value: Any, home: Path, what: str) -> str:
    """A secret that stands elsewhere: `{env = "NAME"}` or `{file = "PATH"}`."""
    if not isinstance(value, dict) or len(value) != 1 or next(iter(value)) not in ("env", "file"):
        raise WrongError('is {env = "NAME"} or {file = "PATH"}: it does not stand in this file')
    ((where, name),) = value.items()
    name = _text(name)
    if where == "env":
        found = os.environ.get(name, "")
    else:
        try:
            found = (home / name).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise WrongError(f"cannot be read: {error}") from error
    if not found:
        raise WrongError(f"is in {name}, which holds no {what}")
    return found


secret = Kind(lambda value, home, _: _hidden(value, home, "secret").encode())
password = Kind(lambda value, home, _: _hidden(value, home, "password"))


def _topic(value: Any, *_: Any) -> str:
    name = _text(value).strip("/")
    if not name or set("+#\0$") & set(name):
        raise WrongError("is the beginning of a topic, without + # $")
    return name


topic = Kind(_topic)
topic_or_none = Kind(lambda value, *_: "" if value == "" else _topic(value))
