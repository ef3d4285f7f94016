"""A camera on this machine (MJPEG over HTTP) that plays a video again and again, and dies now and then."""

from __future__ import annotations

import io
import socketserver
import threading
import time
from pathlib import Path

from PIL import Image

from stca.footage.sources import open_source

_HEAD = b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n"


class DroppingCamera:
    """Serves a video at its own speed to whoever calls, each caller from its beginning.

    Args:
        video: a file.

    Attributes:
        sent: frames that were handed to the network.

    """

    def __init__(self, video: Path) -> None:
        source = open_source(video)
        self.rate, self.sent = source.frame_rate, 0
        self._pictures = [_jpeg(frame.image) for frame in source.frames()]
        self._dead = threading.Event()
        self._server: socketserver.ThreadingTCPServer | None = None
        self._address = ("127.0.0.1", 0)

    @property
    def address(self) -> str:
        """Under which it is called, whenever it lives."""
        return f"http://127.0.0.1:{self._address[1]}/live.mjpeg"

    def live(self) -> None:
        """Answer callers."""
        self._dead = threading.Event()
        dead = self._dead

        class Handler(socketserver.BaseRequestHandler):
            def handle(handler) -> None:  # noqa: N805
                self._play(handler.request, dead)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = daemon_threads = True

        self._server = Server(self._address, Handler)
        self._address = self._server.server_address
        threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True).start()

    def die(self) -> None:
        """Hang up, and refuse callers."""
        self._dead.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def _play(self, connection, dead: threading.Event) -> None:
        try:
            connection.recv(4096)
            connection.sendall(_HEAD)
            begin = time.monotonic()
            for number in range(10**9):
                if dead.wait(max(0.0, begin + number / self.rate - time.monotonic())):
                    return
                picture = self._pictures[number % len(self._pictures)]
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
                connection.sendall(head.encode() + picture + b"\r\n")
                self.sent += 1
        except OSError:
            return


def _jpeg(image) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=90)
    return file.getvalue()
