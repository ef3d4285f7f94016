"""Approximate nearest neighbours beside the store; made again from it when lost."""
