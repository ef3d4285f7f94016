"""Events: what they hold, their schema, the file that keeps them, and who takes them."""

from stca.watch.events.event import KINDS, Event, Kind
from stca.watch.events.outbox import Outbox, StoredEvent

__all__ = ["KINDS", "Event", "Kind", "Outbox", "StoredEvent"]
