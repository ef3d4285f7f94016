"""How often each client may ask."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from stca.web.problems import WebError


class RateLimit:
    """A limit of requests per client: a bucket of tokens for each, filled at a constant rate.

    Args:
        rate: requests a second in the long run.
        burst: requests that may come at once.
        clients: that are remembered; of more, those that were longest silent are forgotten.
        clock: gives seconds.

    """

    def __init__(
        self,
        rate: float,
        burst: float,
        *,
        clients: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rate, self._burst, self._most, self._clock = rate, burst, clients, clock
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # tokens, and as of when

    def wait(self, client: str, cost: float = 1.0) -> float:
        """Seconds until the request is allowed; 0: it is, and it is counted.

        Args:
            client: who asks: an address or the name of a token.
            cost: tokens that it takes, at most `burst`.

        """
        with self._lock:
            now = self._clock()
            tokens, then = self._buckets.pop(client, (self._burst, now))
            tokens = min(self._burst, tokens + (now - then) * self._rate)
            allowed = tokens >= cost
            self._buckets[client] = (tokens - cost if allowed else tokens, now)
            if len(self._buckets) > self._most:
                self._buckets.popitem(last=False)
            return 0.0 if allowed else (cost - tokens) / self._rate

    def require(self, client: str, cost: float = 1.0) -> None:
        """Count a request.

        Raises:
            WebError: it is not allowed now (429, with seconds to wait).

        """
        if seconds := self.wait(client, cost):
            raise WebError(
                "Too many requests", status=429, retry_after=math.ceil(seconds), hint="wait, then try again"
            )
