"""From videos to a page of who was seen where and when: track, embed, calibrate, link, show."""

from stca.find.options import FindOptions, FindResult
from stca.find.pipeline import find_people

__all__ = ["FindOptions", "FindResult", "find_people"]
