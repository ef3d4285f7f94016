"""A client of `stca serve` for Python programs."""

from stca.client.client import Client
from stca.client.errors import ServerError

__all__ = ["Client", "ServerError"]
