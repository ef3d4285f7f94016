"""cameras.toml: what is watched, and who is told."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stca.config.toml_lines import lines_of
from stca.errors import ConfigError
from stca.linking.constraints import Travel
from stca.tools.files import portable_key
from stca.tracking import Region
from stca.tracking.detectors.detect import AUTO
from stca.watch import kinds
from stca.watch.checking import Kind, Mistake, Reader, shown

__all__ = [
    "CameraSettings",
    "Mistake",
    "MqttSettings",
    "SettingsError",
    "WatchSettings",
    "WebhookSettings",
    "read_settings",
]


@dataclass(frozen=True, slots=True)
class CameraSettings:
    """One camera.

    Args:
        name: also of its folder.
        source: an address, a video file, a folder that grows, or `usb:0`.
        detector: `auto`: `motion`, confirmed by the network in the package; or as of
            `stca.tracking.open_detector`.
        tracker: `ocsort` or `bytetrack`.
        every: only every `every`-th frame is processed.
        frame_rate: frames a second; None: what the source states.
        masks: regions where nothing is detected.
        retention: seconds after which a tracklet of the gallery is forgotten; None: never.
        longest: seconds after which the tracklet of somebody who stays ends, and the next one begins.

    """

    name: str
    source: str
    detector: str = AUTO
    tracker: str = "ocsort"
    every: int = 1
    frame_rate: float | None = None
    masks: tuple[Region, ...] = ()
    retention: float | None = None
    longest: float = 120.0


def folder_settings(camera: str) -> dict[str, Any]:
    """What video.json of a watched camera's folder says, unlike that of other tracks."""
    return {"source": camera, "watched": True}


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """A web server that takes every event; `secret` signs them (`stca.watch.events.webhook`)."""

    url: str
    secret: bytes = field(repr=False)
    timeout: float = 10.0


@dataclass(frozen=True, slots=True)
class MqttSettings:
    """A broker that takes every event (`stca.watch.events.mqtt`)."""

    host: str
    port: int = 1883
    prefix: str = "stca"
    discovery: str | None = "homeassistant"
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: bool = False


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """What is watched, and who is told.

    Args:
        out: folder of tracks, gallery and events.
        gallery: its folder or milvus:// address; None: `gallery` in `out`.
        cameras: at least one.
        model: as `stca.runs.open_model`; None: the gallery's, or the best at hand.
        threshold: least mean cosine of one person; None: the gallery's own, or of public sets.
        far: false-accept rate per search that a threshold from public sets aims at.
        window: seconds within which a decision may be revised.
        lost_after: seconds without a box after which somebody is lost.
        visit: seconds without somebody after which their coming back is another visit.
        status: seconds between two status lines of a camera.
        device: "auto", "cpu" or "cuda".
        precision: "float32", "bf16" or "auto".
        travel: least seconds between cameras.
        webhooks: who is told.
        mqtt: who is told.

    """

    out: Path
    cameras: tuple[CameraSettings, ...]
    gallery: Path | str | None = None
    model: str | None = None
    threshold: float | None = None
    far: float = 0.01
    window: float = 60.0
    lost_after: float = 5.0
    visit: float = 300.0
    status: float = 10.0
    device: str = "auto"
    precision: str = "float32"
    travel: Travel = field(default_factory=dict)
    webhooks: tuple[WebhookSettings, ...] = ()
    mqtt: MqttSettings | None = None


class SettingsError(ConfigError):
    """A cameras.toml with mistakes."""

    def __init__(self, path: Path, mistakes: tuple[Mistake, ...]) -> None:
        self.mistakes = mistakes
        words = f"{len(mistakes)} mistake{'s' * (len(mistakes) > 1)} in {path.name}"
        super().__init__(words, found="".join(f"\n    {path}:{each}" for each in mistakes))

    def __reduce__(self) -> tuple[object, ...]:
        return ConfigError, (str(self),)


def read_settings(path: Path) -> WatchSettings:
    """Read and check cameras.toml; paths in it are relative to its folder.

    Detectors are opened, so that one that cannot be is found before anything is watched.

    Raises:
        SettingsError: what is wrong in it, every mistake with its line.
        ConfigError: it cannot be read.

    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        found = f"another encoding, in line {line}"
        raise ConfigError(
            "A file of cameras is a text in UTF-8", found=found, where=path, hint="save it as UTF-8"
        ) from error
    except OSError as error:
        raise ConfigError("Cannot read the cameras to watch", found=error, where=path) from error
    try:
        content = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # a number of too many digits is a ValueError only
        raise ConfigError("This is no TOML file", found=error, where=path) from error
    reader = Reader(path.absolute().parent, lines_of(text))
    settings = _settings(content, reader)
    if reader.mistakes or settings is None:
        raise SettingsError(path, tuple(sorted(reader.mistakes)))
    return settings


_SHARED = ("detector", "tracker", "every", "retention", "longest")
"""Keys of a camera that [watch] may have for all."""
_SINGLE = ("watch", "mqtt")
_SEVERAL = ("camera", "travel", "webhook")


def _settings(content: Mapping[str, Any], reader: Reader) -> WatchSettings | None:
    for name in content:
        if name not in _SINGLE + _SEVERAL:
            expected = ", ".join([f"[{n}]" for n in _SINGLE] + [f"[[{n}]]" for n in _SEVERAL])
            reader.unknown((name,), name, expected)
    own = reader.table(content, "watch", _WATCH)
    tables = reader.tables(content, "camera", _CAMERA)
    cameras = [camera for table in tables if (camera := _camera(table, own))]
    if not content.get("camera"):
        reader.wrong((), "a [[camera]] is missing: there is nothing to watch")
    by_default = [number for number, table in enumerate(tables) if "detector" not in {**own, **table}]
    if by_default:
        reader.check_default(("camera", by_default[0]), "detector", AUTO, kinds.detector)
    reader.distinct(content, "camera", "name", same=portable_key)  # folders are named after them
    names = reader.texts(content, "camera", "name")
    travel = _travel(reader, content, names)
    webhooks = [
        WebhookSettings(table["url"], table["secret"], table.get("timeout", 10.0))
        for table in reader.tables(content, "webhook", _WEBHOOK)
        if "url" in table and "secret" in table
    ]
    reader.distinct(content, "webhook", "url")
    mqtt = reader.table(content, "mqtt", _MQTT)
    if "mqtt" in content and mqtt.get("discovery") == "":
        mqtt["discovery"] = None
    if reader.mistakes:
        return None
    own = {"out": reader.folder / "watch", **own}
    for name in _SHARED:
        own.pop(name, None)
    return WatchSettings(
        cameras=tuple(cameras),
        travel=travel,
        webhooks=tuple(webhooks),
        mqtt=MqttSettings(**mqtt) if mqtt else None,
        **own,
    )


def _camera(table: Mapping[str, Any], own: Mapping[str, Any]) -> CameraSettings | None:
    if "name" not in table or "source" not in table:
        return None  # a mistake already
    shared = {name: own[name] for name in _SHARED if name in own}
    given = {name: value for name, value in table.items() if name != "as_live"}
    return CameraSettings(**{**shared, **given})


def _travel(reader: Reader, content: Mapping[str, Any], names: list[str]) -> dict[tuple[str, str], float]:
    travel: dict[tuple[str, str], float] = {}
    for number, table in enumerate(reader.tables(content, "travel", _TRAVEL)):
        for key in ("from", "to"):
            if key in table and table[key] not in names:
                reader.wrong(("travel", number, key), f"there is no camera {shown(key, table[key])}")
        if {"from", "to", "seconds"} <= table.keys():
            pair = (min(table["from"], table["to"]), max(table["from"], table["to"]))
            if pair in travel:
                reader.wrong(("travel", number), f"{pair[0]} and {pair[1]} have a travel time already")
            travel[pair] = table["seconds"]
    return travel


def _tables() -> tuple[dict[str, Kind], ...]:
    shared = {
        "detector": kinds.detector,
        "tracker": kinds.tracker,
        "every": kinds.whole(1, 10_000),
        "retention": kinds.age,
        "longest": kinds.number(5, 3600),
    }
    watch = {
        "out": kinds.folder,
        "gallery": kinds.gallery,
        "model": kinds.model,
        "threshold": kinds.number(-1, 1),
        "far": kinds.number(1e-6, 0.999999),
        "window": kinds.number(0, 3600),
        "lost_after": kinds.number(3, 3600),
        "visit": kinds.number(0, 1e6),
        "status": kinds.number(0.1, 1e6),
        "device": kinds.one_of("auto", "cpu", "cuda"),
        "precision": kinds.one_of("float32", "bf16", "auto"),
        **shared,
    }
    camera = {
        "name": kinds.required(kinds.camera_name),
        "source": kinds.required(kinds.source),
        "as_live": kinds.flag,
        "frame_rate": kinds.number(0.001, 10_000),
        "masks": kinds.masks,
        **shared,
    }
    travel = {
        "from": kinds.required(kinds.text),
        "to": kinds.required(kinds.text),
        "seconds": kinds.required(kinds.number(0, 1e6)),
    }
    webhook = {
        "url": kinds.required(kinds.web_address),
        "secret": kinds.required(kinds.secret),
        "timeout": kinds.number(0.1, 600),
    }
    mqtt = {
        "host": kinds.required(kinds.host),
        "port": kinds.whole(1, 65_535),
        "prefix": kinds.topic,
        "discovery": kinds.topic_or_none,
        "username": kinds.text,
        "password": kinds.password,
        "tls": kinds.flag,
    }
    return watch, camera, travel, webhook, mqtt


_WATCH, _CAMERA, _TRAVEL, _WEBHOOK, _MQTT = _tables()
