"""A web server and a broker as processes of their own, to be killed and started again."""

import json
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

_SERVER = """
import hashlib, hmac, json, sys, time
from http.server import BaseHTTPRequestHandler, HTTPServer

port, secret, path = int(sys.argv[1]), sys.argv[2].encode(), sys.argv[3]

class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        stamp = self.headers["X-Stca-Timestamp"]
        right = "v1=" + hmac.new(secret, stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        ok = hmac.compare_digest(right, self.headers["X-Stca-Signature"]) and abs(time.time() - int(stamp)) < 300
        if ok:
            with open(path, "ab") as file:
                file.write(body + b"\\n")
        self.send_response(204 if ok else 403)
        self.end_headers()
    def log_message(self, *words):
        pass

HTTPServer.allow_reuse_address = True
HTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_port(port: int, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError(f"nothing listens on port {port}")


class _Server:
    """A process that listens on a port."""

    def __init__(self, command: list[str], port: int) -> None:
        self._command, self.port = command, port
        self._process: subprocess.Popen | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for_port(self.port)

    def stop(self, how: int = signal.SIGKILL) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait()
            self._process = None


class WebServer(_Server):
    """Takes events that are signed rightly, and appends them to a file before it answers."""

    def __init__(self, folder: Path, secret: str) -> None:
        self.file, port = folder / "taken.jsonl", free_port()
        super().__init__([sys.executable, "-c", _SERVER, str(port), secret, str(self.file)], port)
        self.url = f"http://127.0.0.1:{port}/take"

    def events(self) -> list[dict]:
        """What was taken, each id once, in the order of the first time."""
        if not self.file.exists():
            return []
        found = (json.loads(line) for line in self.file.read_text().splitlines())
        return list({event["id"]: event for event in found}.values())


class Broker(_Server):
    """mosquitto, which keeps what it has taken on disk."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
        if program is None:
            pytest.skip("needs the MQTT broker mosquitto (apt-get install mosquitto)")
        port, config = free_port(), folder / "mosquitto.conf"
        (folder / "broker").mkdir()
        config.write_text(
            f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence true\n"
            f"persistence_location {folder}/broker/\nautosave_on_changes true\nautosave_interval 1\nuser root\n"
        )
        super().__init__([program, "-c", str(config)], port)
