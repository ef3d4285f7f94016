"""`stca serve`: pages to find people in a gallery, and the same as an interface for programs."""

from stca.web.settings import ServerSettings

__all__ = ["ServerSettings"]
