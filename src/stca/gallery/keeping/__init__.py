"""Keeping a gallery: what is forgotten, how long it is kept, backups, older versions' files."""

from stca.gallery.keeping.backup import backup, restore
from stca.gallery.keeping.copying import Copied, copy_gallery
from stca.gallery.keeping.forgetting import (
    Forgotten,
    erase_page,
    finish_forgetting,
    forget,
    is_forgetting_unfinished,
    what_is_unerased,
)
from stca.gallery.keeping.retention import Expired, expire, last_seen
from stca.gallery.keeping.upgrade import upgrade

__all__ = [
    "Copied",
    "Expired",
    "Forgotten",
    "backup",
    "copy_gallery",
    "erase_page",
    "expire",
    "finish_forgetting",
    "forget",
    "is_forgetting_unfinished",
    "last_seen",
    "restore",
    "upgrade",
    "what_is_unerased",
]
