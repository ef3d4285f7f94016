"""Tracklets of several cameras to persons."""

from stca.linking.linking import Appearance, Linking, find_persons, link, link_gallery

Stay = Appearance
"""The name of `Appearance` in version 0.1; removed in the release after the next."""

__all__ = ["Appearance", "Linking", "Stay", "find_persons", "link", "link_gallery"]
