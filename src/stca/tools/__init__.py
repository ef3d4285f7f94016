"""Helpers that every stage uses: files, look-up of names, devices, progress, provenance."""
