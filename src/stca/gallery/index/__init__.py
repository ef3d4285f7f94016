"""Nearest-neighbour search over the store's vectors; rebuilt from the store when lost."""
