"""What a gallery must not lose, in SQLite."""

from stca.gallery.store.store import Store

__all__ = ["Store"]
