"""A server on loopback with the faults that servers have."""

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np

CONTENT = np.random.default_rng(0).bytes(700_001)


class Server:
    """Serves CONTENT at every path; `fault` decides how. `requests` keeps (path, Range header)."""

    def __init__(self) -> None:
        self.fault = ""
        self.requests: list[tuple[str, str | None]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.requests.append((self.path, self.headers.get("Range")))
                server.answer(self)

            def log_message(self, *words: object) -> None:
                pass

        self._httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._httpd.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._httpd.server_address[1]}"
        threading.Thread(target=self._httpd.serve_forever, daemon=True).start()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        fault = self.fault
        if fault == "redirect loop":
            request.send_response(302)
            request.send_header("Location", request.path)
            request.end_headers()
            return
        if fault.isdecimal():
            request.send_error(int(fault))
            return
        if fault == "busy once":
            self.fault = ""
            request.send_error(503)
            return
        content, start = CONTENT, 0
        if (wanted := request.headers.get("Range")) and fault != "no ranges":
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            if start >= len(content):
                request.send_error(416)
                return
        if fault == "wrong content":
            content = bytes(len(content))
        if fault == "too long":
            content = content + b"more"
        request.send_response(206 if start else 200)
        request.send_header("Content-Length", str(len(content) - start))
        request.end_headers()
        if fault == "cut off":  # half of what is left, every time
            request.wfile.write(content[start : start + max(1, (len(content) - start) // 2)])
        elif fault == "cut off once":
            self.fault = ""
            request.wfile.write(content[start : start + 300_000])
        elif fault == "slow":
            for byte in content[:200]:
                request.wfile.write(bytes([byte]))
                time.sleep(0.05)
        elif fault == "silent":
            time.sleep(5)
        else:
            request.wfile.write(content[start:])

    def close(self) -> None:
        self._httpd.shutdown()
        self._httpd.server_close()
