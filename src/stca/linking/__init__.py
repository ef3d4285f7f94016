"""Tracklets of several cameras to persons."""
