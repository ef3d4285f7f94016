"""Queries that are not in the gallery: photos, folders of photos, videos, and boxes in them."""

from stca.gallery.query.query import Query, open_query

__all__ = ["Query", "open_query"]
