"""Web servers and brokers that are killed and started again take every event exactly once per id."""

import json
import signal
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from event_receivers import Broker, WebServer
from stca.watch.events import Event, Outbox
from stca.watch.events.delivery import Delivery, NotTakenError
from stca.watch.events.mqtt import Mqtt, discovery
from stca.watch.events.outbox import StoredEvent
from stca.watch.events.webhook import Webhook, sign
from stca.watch.settings import MqttSettings, WebhookSettings

SECRET = "known to two"


def event(number: int) -> Event:
    return Event(
        "seen", 1.7e9 + number, "front door", f"front door/{number:04d}", number, None, {"new": True}
    )


def wait_until(holds: Callable[[], bool], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.02)


def deliver(outbox: Outbox, receiver: object) -> Delivery:
    return Delivery(outbox, receiver, first_wait=0.02, longest_wait=0.1, say=lambda _: None)  # type: ignore[arg-type]


def test_the_signature() -> None:
    """printf '1700000000.{}' | openssl dgst -sha256 -hmac key."""
    expected = "9d713ed406bb7076d4123f0dc2c39d2df5c654ed4b0cd56b52c8b4c940bd63ae"
    assert sign(b"key", 1_700_000_000, b"{}") == f"v1={expected}"


def test_a_web_server_that_is_killed_and_started_again(tmp_path: Path) -> None:
    server, outbox = WebServer(tmp_path, SECRET), Outbox(tmp_path / "events.sqlite")
    hook = Webhook(WebhookSettings(server.url, SECRET.encode()))
    delivery = deliver(outbox, hook)
    ids = [each.body["id"] for each in outbox.put([event(n) for n in range(1, 6)])]  # nobody listens yet
    server.start()
    wait_until(lambda: len(server.events()) == 5)
    server.stop(signal.SIGKILL)
    ids += [each.body["id"] for each in outbox.put([event(n) for n in range(6, 11)])]
    assert delivery.close(0.3) == 5, "they are kept"
    outbox.close()

    outbox = Outbox(tmp_path / "events.sqlite")  # another process
    delivery = deliver(outbox, hook)
    server.start()
    wait_until(lambda: len(server.events()) == 10)
    assert delivery.close() == 0
    server.stop()
    assert [each["id"] for each in server.events()] == ids


@pytest.mark.parametrize("code", [301, 302, 403, 500])
def test_an_answer_other_than_2xx_is_no_taking(code: int) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(code)
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *words: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        hook = Webhook(WebhookSettings(f"http://127.0.0.1:{server.server_address[1]}/?token=x", b"s"))
        other = Webhook(WebhookSettings(f"http://127.0.0.1:{server.server_address[1]}/?token=y", b"s"))
        assert "token" not in hook.name
        assert other.name != hook.name, "each has its own place in the series"
        with pytest.raises(NotTakenError, match=str(code)):
            hook.take(StoredEvent(1, '{"id": "a-1"}'))
        server.shutdown()


class Subscriber:
    """Keeps every message, also of the time when it was away."""

    def __init__(self, port: int) -> None:
        mqtt = pytest.importorskip("paho.mqtt.client")
        self.messages: list[tuple[str, str, bool]] = []
        self.ready = threading.Event()
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="listener", clean_session=False)
        self.client.reconnect_delay_set(1, 1)
        self.client.on_connect = lambda client, *_: client.subscribe([("#", 1)])
        self.client.on_subscribe = lambda *_: self.ready.set()
        self.client.on_message = lambda *found: self._note(found[2])
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        assert self.ready.wait(30)

    def _note(self, message: object) -> None:
        self.messages.append((message.topic, message.payload.decode(), message.retain))  # type: ignore[attr-defined]

    def events(self) -> dict[str, str]:
        """Topic by id."""
        found = [(topic, text) for topic, text, _ in self.messages if "/person/" in topic]
        return {json.loads(text)["id"]: topic for topic, text in found}

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_broker_that_is_killed_and_started_again(tmp_path: Path, how: int) -> None:
    broker = Broker(tmp_path)
    broker.start()
    subscriber, outbox = Subscriber(broker.port), Outbox(tmp_path / "events.sqlite")
    receiver = Mqtt(MqttSettings("127.0.0.1", broker.port), ["front door"], "stca-test")
    delivery = deliver(outbox, receiver)
    try:
        receiver.show("front door", {"state": "playing", "people": 1})
        ids = [each.body["id"] for each in outbox.put([event(n) for n in range(1, 6)])]
        wait_until(lambda: len(subscriber.events()) == 5)
        broker.stop(how)
        ids += [each.body["id"] for each in outbox.put([event(n) for n in range(6, 11)])]
        time.sleep(0.2)
        assert outbox.waiting(receiver.name) == 5
        broker.start()
        wait_until(lambda: len(subscriber.events()) == 10, 60)
        assert list(subscriber.events()) == ids, "in their order, none lost"
        assert delivery.close() == 0
        assert subscriber.events()[ids[2]] == "stca/camera/front door/person/3/seen"
        wait_until(lambda: ("stca/status", "offline", False) in subscriber.messages)
        topics = {topic for topic, _, _ in subscriber.messages}
        assert "homeassistant/binary_sensor/stca_front_20_door_connected/config" in topics
        assert "stca/camera/front door/state" in topics
    finally:
        subscriber.close()
        broker.stop()


def test_a_broker_that_is_not_there_is_said_before_there_is_anything_to_tell(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broker = Broker(tmp_path)
    settings = MqttSettings("127.0.0.1", broker.port, username="me", password="1234")
    receiver = Mqtt(settings, ["front door"], "stca-test")
    said = ""

    def heard(words: str) -> bool:
        nonlocal said
        said += capsys.readouterr().err
        return words in said

    try:
        wait_until(lambda: heard("cannot be reached; it is called again"))
        broker.start()
        wait_until(lambda: heard(": connected"))
    finally:
        receiver.close()
        broker.stop()
    assert said.count("\n") == 2, said
    assert f"mqtt 127.0.0.1:{broker.port}: " in said
    assert "1234" not in said


def test_discovery_has_distinct_ids_and_topics_that_are_published() -> None:
    found = discovery(MqttSettings("x", prefix="home/stca"), ["front door", "front-door", "Tür"])
    ids = [config["unique_id"] for config in found.values()]
    assert len(ids) == len(set(ids)) == 9
    for topic, config in found.items():
        assert topic.startswith("homeassistant/")
        assert config["state_topic"].startswith("home/stca/camera/")
        assert not set("+#") & set(topic)
