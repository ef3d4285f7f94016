"""Limits of connections: a request's head must arrive soon, and an address has only so many."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

MOST_CONNECTIONS = 500
"""At which the server is busy: requests get status 503."""
_ROOM = 40
MOST_OF_ONE_ADDRESS = 250
"""A browser has six; a proxy before the server has one address for all."""
HEAD_SECONDS = 10.0


class BoundedConnection(H11Protocol):
    """Ends where the head of a request takes too long, also where a client sends on after an answer.

    Where there are too many connections, all together or of one address, the longest waiting one without a
    request ends: whoever sends a request at once gets an answer.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request; end another connection where there are too many."""
        super().connection_made(transport)
        self._head_timer: asyncio.TimerHandle | None = None
        self._waits_since = self.loop.time()
        self._wait()
        mine = [each for each in self._others() if each._address == self._address]
        if len(mine) >= MOST_OF_ONE_ADDRESS:
            _end_longest_waiting([*mine, self])
        elif len(self.connections) >= MOST_CONNECTIONS - _ROOM:
            _end_longest_waiting([*self._others(), self])

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Wait on until a whole head has arrived; time does not begin anew with each byte."""
        super().data_received(data)
        if self.is_waiting():
            self._wait()
        else:
            self._stop_waiting()

    def on_response_complete(self) -> None:
        """Note since when this connection waits for its next request."""
        self._waits_since = self.loop.time()
        super().on_response_complete()

    def is_waiting(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    @property
    def _address(self) -> str:
        return self.client[0] if self.client else ""

    def _others(self) -> list[BoundedConnection]:
        return [each for each in self.connections if isinstance(each, BoundedConnection) and each is not self]

    def _wait(self) -> None:
        if self._head_timer is None and not self.transport.is_closing():
            self._head_timer = self.loop.call_later(HEAD_SECONDS, self._end)

    def _stop_waiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _end(self) -> None:
        self._stop_waiting()
        self._unset_keepalive_if_required()
        self.connections.discard(self)
        self.transport.abort()


def _end_longest_waiting(connections: list[BoundedConnection]) -> None:
    """End one of these, which are never empty and whose last one is new."""
    waiting = [each for each in connections if each.is_waiting()]
    min(waiting, key=lambda each: each._waits_since)._end()
