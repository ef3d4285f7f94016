"""Tracklets of several cameras to persons."""

from stca.linking.linking import Linking, Stay, find_persons, link, link_gallery

__all__ = ["Linking", "Stay", "find_persons", "link", "link_gallery"]
