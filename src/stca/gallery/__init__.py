"""Tracklets and their vectors on disk: add, search, link."""
