"""Synthetic people before a camera: pictures, boxes, tracks."""
