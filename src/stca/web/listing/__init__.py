"""The gallery's tracklets and persons as they are shown: snapshots, filters, lists in pages."""

from stca.web.listing.following import Following
from stca.web.listing.paging import page
from stca.web.listing.snapshot import Filters, Snapshot, longest, span, span_text

__all__ = ["Filters", "Following", "Snapshot", "longest", "page", "span", "span_text"]
