"""Events to an MQTT broker, the state of each camera, and Home Assistant's discovery of both.

- `PREFIX/camera/CAMERA/person/PERSON/KIND`: every event once, quality of service 1, not retained.
  `PREFIX/camera/door/#` is one camera, `PREFIX/camera/+/person/3/#` one person.
- `PREFIX/camera/CAMERA/state`: retained JSON with `state`, `people` (in view now) and `dropped` (frames).
- `PREFIX/status`: retained, `online` or, from the broker when the connection breaks, `offline`.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from stca.errors import StcaError, first_line
from stca.version import __version__
from stca.watch.events.delivery import NotTakenError
from stca.watch.events.outbox import StoredEvent
from stca.watch.settings import MqttSettings

_TAKEN_WITHIN = 10.0  # seconds in which a broker must confirm


class Mqtt:
    """A broker that takes events.

    Args:
        settings: which.
        cameras: their names, for the discovery.
        client: name of the connection; a broker keeps one of each.

    Raises:
        StcaError: paho-mqtt is not installed.

    """

    def __init__(self, settings: MqttSettings, cameras: Sequence[str], client: str) -> None:
        self._settings, self._cameras = settings, tuple(cameras)
        self._ready, self._lock = threading.Event(), threading.Lock()
        self._refused, self._noted = "not connected", ""
        self._states: dict[str, str] = {}
        mqtt = _import_paho()
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=client)
        if settings.username is not None:
            self._client.username_pw_set(settings.username, settings.password)
        if settings.tls:
            self._client.tls_set()
        self._client.will_set(self._topic("status"), "offline", qos=1, retain=True)
        self._client.reconnect_delay_set(1, 30)
        self._client.on_connect, self._client.on_disconnect = self._connected, self._disconnected
        self._client.on_connect_fail = self._unreachable
        self._client.connect_async(settings.host, settings.port, keepalive=30)
        self._client.loop_start()

    @property
    def name(self) -> str:
        """Its address."""
        return f"mqtt {self._settings.host}:{self._settings.port}"

    def take(self, event: StoredEvent) -> None:
        """Publish it and wait until the broker has it.

        Raises:
            NotTakenError: no connection, or no confirmation.

        """
        if not self._ready.wait(_TAKEN_WITHIN):
            raise NotTakenError(self._refused)
        body = event.body
        topic = self._topic("camera", body["camera"], "person", body["person"] or "none", body["kind"])
        sent = self._client.publish(topic, event.text, qos=1)
        try:
            sent.wait_for_publish(_TAKEN_WITHIN)
        except (RuntimeError, ValueError) as error:
            raise NotTakenError(str(error)) from error
        if not sent.is_published():
            raise NotTakenError(f"not confirmed within {_TAKEN_WITHIN:.0f} s")

    def show(self, camera: str, state: Mapping[str, Any]) -> None:
        """The state of a camera; the last one is published again after each connection."""
        text = json.dumps(state)
        with self._lock:
            if self._states.get(camera) == text:
                return
            self._states[camera] = text
            if self._ready.is_set():
                self._client.publish(self._topic("camera", camera, "state"), text, qos=1, retain=True)

    def close(self) -> None:
        """Say goodbye."""
        if self._ready.is_set():
            sent = self._client.publish(self._topic("status"), "offline", qos=1, retain=True)
            sent.wait_for_publish(1.0)
        self._client.disconnect()
        self._client.loop_stop()

    def _topic(self, *parts: object) -> str:
        """Names of cameras may hold what topics must not."""
        return "/".join([self._settings.prefix, *(quote(str(part), safe=" ") for part in parts)])

    def _connected(self, client: Any, _: Any, flags: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            self._refused = f"refused: {reason}"
            self._note(f"{self._refused}; it is called again")
            return
        with self._lock:
            if self._settings.discovery:
                for topic, config in discovery(self._settings, self._cameras).items():
                    client.publish(topic, json.dumps(config), qos=1, retain=True)
            for camera, text in self._states.items():
                client.publish(self._topic("camera", camera, "state"), text, qos=1, retain=True)
            client.publish(self._topic("status"), "online", qos=1, retain=True)
            self._ready.set()
        if self._noted:
            self._note("connected")

    def _unreachable(self, client: Any, _: Any) -> None:
        self._note("cannot be reached; it is called again")

    def _note(self, words: str) -> None:
        """Say on stderr what has changed about the connection; what is right from the start needs no word."""
        if words != self._noted:
            self._noted = words
            print(f"{self.name}: {words}", file=sys.stderr, flush=True)

    def _disconnected(self, client: Any, _: Any, flags: Any, reason: Any, properties: Any) -> None:
        self._ready.clear()
        self._refused = f"connection lost: {reason}"


def discovery(settings: MqttSettings, cameras: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Topics and contents by which Home Assistant finds three entities of every camera.

    Whether it plays, how many people are in view, and who was seen last.
    """
    found: dict[str, dict[str, Any]] = {}
    for camera in cameras:
        slug = "".join(c if c.isascii() and c.isalnum() else f"_{ord(c):x}_" for c in camera)
        state = f"{settings.prefix}/camera/{quote(camera, safe=' ')}/state"
        shared = {
            "availability_topic": f"{settings.prefix}/status",
            "device": {"identifiers": [f"stca_{slug}"], "name": camera, "manufacturer": "stca"},
            "origin": {"name": "stca", "sw_version": __version__},
            "state_topic": state,
        }
        entities: dict[str, tuple[str, dict[str, Any]]] = {
            "connected": (
                "binary_sensor",
                {
                    "name": "Connected",
                    "device_class": "connectivity",
                    "value_template": "{{ 'ON' if value_json.state == 'playing' else 'OFF' }}",
                },
            ),
            "people": (
                "sensor",
                {
                    "name": "People",
                    "state_class": "measurement",
                    "unit_of_measurement": "people",
                    "value_template": "{{ value_json.people }}",
                },
            ),
            "last": (
                "sensor",
                {"name": "Last person", "value_template": "{{ value_json.last_person }}"},
            ),
        }
        for name, (component, config) in entities.items():
            unique = f"stca_{slug}_{name}"
            topic = f"{settings.discovery}/{component}/{unique}/config"
            found[topic] = {**shared, **config, "unique_id": unique}
    return found


def _import_paho() -> Any:
    try:
        import paho.mqtt.client as mqtt
    except ImportError as error:
        raise StcaError(
            "Telling an MQTT broker needs paho-mqtt",
            found=first_line(error),
            hint="pip install 'stca[watch]'",
        ) from error
    return mqtt
