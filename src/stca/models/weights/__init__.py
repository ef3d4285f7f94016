"""Weights on disk: our own files, those of other projects, those in the package."""
