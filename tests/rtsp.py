"""A camera that speaks RTSP (RFC 2326) over one connection: an MPEG transport stream in RTP, then it hangs up."""

import base64
import socketserver
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_SDP = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=camera\r\nt=0 0\r\nm=video 0 RTP/AVP 33\r\na=control:track1\r\n"
_PAYLOAD = 7 * 188  # bytes of the stream in a packet
USER = "me:secret"


@contextmanager
def rtsp_camera(stream: bytes, *, seconds: float) -> Iterator[str]:
    """Its address, without user and password; whoever calls gets the whole stream in so many seconds."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while request := self._request():
                method, headers = request
                if method != "OPTIONS" and not self._allowed(headers):
                    self._answer(headers, "401 Unauthorized", {"WWW-Authenticate": 'Basic realm="camera"'})
                elif method == "DESCRIBE":
                    self._answer(headers, "200 OK", {"Content-Type": "application/sdp"}, _SDP)
                elif method == "SETUP":
                    how = {"Transport": "RTP/AVP/TCP;unicast;interleaved=0-1", "Session": "1"}
                    self._answer(headers, "200 OK", how)
                else:
                    self._answer(headers, "200 OK", {"Session": "1", "Public": "DESCRIBE, SETUP, PLAY"})
                if method == "PLAY":
                    return self._play()
            return None

        def _request(self) -> tuple[str, dict[str, str]] | None:
            lines = []
            while line := self.rfile.readline().decode().strip():
                lines.append(line)
            if not lines:
                return None
            headers = (line.partition(":") for line in lines[1:])
            return lines[0].split()[0], {name.lower(): value.strip() for name, _, value in headers}

        def _allowed(self, headers: dict[str, str]) -> bool:
            return headers.get("authorization") == "Basic " + base64.b64encode(USER.encode()).decode()

        def _answer(
            self, asked: dict[str, str], status: str, headers: dict[str, str], body: str = ""
        ) -> None:
            headers = {"CSeq": asked["cseq"], **headers, "Content-Length": str(len(body))}
            lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            self.wfile.write(f"RTSP/1.0 {status}\r\n{lines}\r\n{body}".encode())

        def _play(self) -> None:
            starts = range(0, len(stream), _PAYLOAD)
            try:
                for number, start in enumerate(starts):
                    now = int(90_000 * seconds * number / len(starts))
                    packet = struct.pack(">BBHII", 0x80, 33, number & 0xFFFF, now, 1)
                    packet += stream[start : start + _PAYLOAD]
                    self.wfile.write(b"$\x00" + struct.pack(">H", len(packet)) + packet)
                    time.sleep(seconds / len(starts))
            except OSError:
                pass  # whoever called has hung up

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"rtsp://127.0.0.1:{server.server_address[1]}/live"
        server.shutdown()
