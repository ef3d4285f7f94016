"""Tracked videos: found on the disk again, and any of their frames by its number."""
