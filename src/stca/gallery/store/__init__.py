"""Durable storage of a gallery's records and vectors in SQLite."""

from stca.gallery.store.store import Store

__all__ = ["Store"]
