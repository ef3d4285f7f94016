"""Events from the outbox to one receiver, in their order, again and again until it takes them."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Protocol, runtime_checkable

from stca.watch.events.outbox import Outbox, StoredEvent

FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0
"""Seconds before an event that was not taken is sent again: doubled each time, up to the second."""


class NotTakenError(Exception):
    """A receiver did not take an event; it is sent again."""


@runtime_checkable
class Receiver(Protocol):
    """Whoever is told."""

    @property
    def name(self) -> str:
        """By which the outbox knows its place in the series."""
        ...

    def take(self, event: StoredEvent) -> None:
        """Hand an event over; on return, it is taken. Raises `NotTakenError`."""
        ...

    def close(self) -> None:
        """Let go."""
        ...


class Delivery:
    """Hands events to a receiver in a thread of its own.

    Args:
        outbox: where they lie.
        receiver: who takes them.
        first_wait: seconds before the second try.
        longest_wait: seconds between tries, at most.
        say: is told when a receiver does not take anything, and when it does again.

    """

    def __init__(
        self,
        outbox: Outbox,
        receiver: Receiver,
        *,
        first_wait: float = FIRST_WAIT,
        longest_wait: float = LONGEST_WAIT,
        say: Callable[[str], None] = lambda words: print(words, file=sys.stderr, flush=True),
    ) -> None:
        self._outbox, self._receiver, self._say = outbox, receiver, say
        self._first, self._longest = first_wait, longest_wait
        self._stop = threading.Event()
        outbox.receive(receiver.name)
        self._thread = threading.Thread(target=self._run, daemon=True, name=receiver.name)
        self._thread.start()

    def close(self, patience: float = 5.0) -> int:
        """Stop when everything is taken, or after so many seconds; how many events it has not taken."""
        deadline = threading.Event()
        timer = threading.Timer(patience, deadline.set)
        timer.start()
        while self._outbox.waiting(self._receiver.name) and not deadline.wait(0.05):
            pass
        timer.cancel()
        self._stop.set()
        with self._outbox.news:
            self._outbox.news.notify_all()
        self._thread.join(patience)
        self._receiver.close()
        return self._outbox.waiting(self._receiver.name)

    def _run(self) -> None:
        name, wait, failing = self._receiver.name, self._first, False
        while not self._stop.is_set():
            try:
                event = self._outbox.next(name)
                if event is None:
                    with self._outbox.news:
                        self._outbox.news.wait(0.5)
                    continue
                self._receiver.take(event)
                self._outbox.taken(name, event.number)
            except Exception as error:  # whatever a receiver raises must not end the telling
                if not failing:
                    why = error if isinstance(error, NotTakenError) else f"{type(error).__name__}: {error}"
                    self._say(f"{name}: does not take events ({why}); they are kept and sent again")
                failing = True
                self._stop.wait(wait)
                wait = min(2 * wait, self._longest)
                continue
            if failing:
                self._say(f"{name}: takes events again")
            wait, failing = self._first, False
