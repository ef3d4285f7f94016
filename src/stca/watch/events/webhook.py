"""Events to a web server: one signed POST for each.

`X-Stca-Signature` is `v1=` and the hexadecimal HMAC-SHA256, by the shared secret, of the time stamp in
`X-Stca-Timestamp` (POSIX seconds), a full stop, and the body. Who takes events checks it, refuses old time
stamps, answers 2xx when the event is safe, and keeps ids to tell what came twice.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

from stca.version import __version__
from stca.watch.events.delivery import NotTakenError
from stca.watch.events.outbox import StoredEvent
from stca.watch.settings import WebhookSettings

SIGNATURE, TIMESTAMP, EVENT_ID = "X-Stca-Signature", "X-Stca-Timestamp", "X-Stca-Event-Id"


def sign(secret: bytes, timestamp: int, body: bytes) -> str:
    """The value of `X-Stca-Signature`."""
    return "v1=" + hmac.new(secret, f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected POST would arrive as a GET without its body, and pass for taken."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: Any,
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> None:
        return None


class Webhook:
    """A web server that takes events."""

    def __init__(self, settings: WebhookSettings, clock: Callable[[], float] = time.time) -> None:
        self._settings, self._clock = settings, clock
        self._open = urllib.request.build_opener(_NoRedirect()).open

    @property
    def name(self) -> str:
        """Its address; of the query, which may hold a token, only what tells it from others."""
        address, _, query = self._settings.url.partition("?")
        mark = f"?#{hashlib.sha256(query.encode()).hexdigest()[:8]}" if query else ""
        return f"webhook {address}{mark}"

    def take(self, event: StoredEvent) -> None:
        """Send it.

        Raises:
            NotTakenError: no answer, or one that is not 2xx.

        """
        body, timestamp = event.text.encode(), int(self._clock())
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"stca/{__version__}",
            EVENT_ID: event.body["id"],
            TIMESTAMP: str(timestamp),
            SIGNATURE: sign(self._settings.secret, timestamp, body),
        }
        request = urllib.request.Request(self._settings.url, body, headers, method="POST")
        try:
            with self._open(request, timeout=self._settings.timeout) as answer:
                answer.read(1000)
        except urllib.error.HTTPError as error:
            error.close()
            raise NotTakenError(f"answer {error.code}") from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise NotTakenError(str(error) or type(error).__name__) from error

    def close(self) -> None:
        """Nothing is open."""
