"""`stca gallery forget | expire | copy | backup | restore | upgrade`."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from stca.cli.parsing import Verbs, add_verb, gallery_folder, gallery_place

if TYPE_CHECKING:
    from stca.gallery import Gallery
    from stca.gallery.keeping import Forgotten


def add_verbs(below: Verbs) -> None:
    """Add the verbs to those of `gallery`."""
    forget = add_verb(
        below, "forget", _forget, help="erase tracklets or a person for good, with crops, from every file"
    )
    forget.add_argument("gallery", type=gallery_place, help="folder or milvus:// address of the gallery")
    forget.add_argument("key", nargs="*", help="of a tracklet; without any, an interrupted call is finished")
    forget.add_argument("--person", metavar="N|NAME", help="every tracklet of this person, and the name")

    expire = add_verb(below, "expire", _expire, help="erase the tracklets that were last seen too long ago")
    expire.add_argument("gallery", type=gallery_place, help="folder or milvus:// address of the gallery")
    expire.add_argument(
        "--older", type=age, required=True, metavar="AGE", help="30d, 12h, 90m: erase what is older"
    )
    expire.add_argument("--camera", action="append", help="only this camera; may be repeated")
    for parser in (forget, expire):
        parser.add_argument("--dry-run", action="store_true", help="only say what would be erased")

    moved = add_verb(below, "copy", _copy, help="copy a gallery to another engine, and compare the two")
    moved.add_argument("gallery", type=gallery_place, help="folder or milvus:// address of the gallery")
    moved.add_argument("out", type=gallery_place, help="a new folder or address, or an earlier copy's")
    moved.add_argument(
        "--overwrite", action="store_true", help="take the persons and corrections of GALLERY, losing OUT's"
    )

    copy = add_verb(below, "backup", _backup, help="copy a gallery, also while others write to it")
    copy.add_argument("gallery", type=gallery_folder, help="folder of the gallery")
    copy.add_argument("out", type=Path, help="a new folder")

    back = add_verb(below, "restore", _restore, help="put a backup back")
    back.add_argument("backup", type=Path, help="folder that `stca gallery backup` wrote")
    back.add_argument("gallery", type=gallery_folder, help="a new folder, or with --force the gallery's")
    back.add_argument(
        "--force", action="store_true", help="replace the gallery; what it has forgotten stays forgotten"
    )

    upgrade = add_verb(below, "upgrade", _upgrade, help="bring a gallery of an earlier version up to date")
    upgrade.add_argument("gallery", type=gallery_folder, help="folder of the gallery")


def age(text: str) -> float:
    """`30d`, `12h`, `90m`, `45s` or `2w` in seconds."""
    from stca.gallery.times import parse_age

    try:
        return parse_age(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{error}, not {text!r}") from None


def _forget(given: argparse.Namespace) -> None:
    from stca.errors import ConfigError
    from stca.gallery import Gallery
    from stca.gallery.keeping import forget, is_forgetting_unfinished, what_is_unerased
    from stca.linking.forgetting import forget_person

    if given.key and given.person is not None:
        raise ConfigError("Keys and --person are two ways to say who is meant", expected="one of them")
    with Gallery.open(given.gallery) as gallery:
        unfinished = is_forgetting_unfinished(gallery) or what_is_unerased(gallery)
        if not given.key and given.person is None and not unfinished:
            print("nothing is left to be forgotten: name a tracklet's key, or --person")
            return
        if given.person is not None:
            done = forget_person(gallery, given.person, dry_run=given.dry_run)
        else:
            done = forget(gallery, given.key, dry_run=given.dry_run)
        done = _say(given, gallery, done)
    if not given.dry_run:
        print("not added again; videos, backups, events that were sent and what was exported are not reached")
        _require_erased(done)


def _expire(given: argparse.Namespace) -> None:
    from stca.gallery import Gallery
    from stca.gallery.keeping import expire

    with Gallery.open(given.gallery) as gallery:
        for camera in given.camera or ():
            require_camera(gallery, camera)
        cameras = dict.fromkeys(given.camera, given.older) if given.camera else given.older
        done = expire(gallery, cameras, dry_run=given.dry_run)
        forgotten = _say(given, gallery, done.forgotten)
    if done.undated:
        print(f"kept, as no date is known (stca track --start): {_some(done.undated)}")
    if not given.dry_run:
        _require_erased(forgotten)


def require_camera(gallery: Gallery, camera: str) -> None:
    """Raise GalleryError, naming the closest one, if no tracklet is of this camera."""
    from stca.errors import GalleryError
    from stca.tools.lookup import suggest

    cameras = gallery.stats().cameras
    if camera not in cameras:
        close = suggest(camera, list(cameras))
        raise GalleryError(
            f"The gallery has nothing of a camera {camera!r}",
            where=gallery.where,
            hint=f"did you mean {close!r}?" if close else "see `stca gallery stats`",
        )


def _say(given: argparse.Namespace, gallery: Gallery, done: Forgotten) -> Forgotten:
    """Say what was erased; a page of `stca find` beside the gallery, which shows everybody, goes too."""
    from stca.find.page import page_beside
    from stca.gallery.keeping import erase_page

    for key in done.keys:
        print(key)
    print(f"{'would be erased' if given.dry_run else 'erased'}: {done}")
    page = page_beside(given.gallery) if isinstance(given.gallery, Path) else None
    if done.keys and page is not None:
        left = () if given.dry_run else erase_page(gallery, page)
        done = replace(done, pages_left=(*done.pages_left, *left))
        if not left:
            print(f"{page}: {'would be ' if given.dry_run else ''}erased too; stca find writes it anew")
    for words in done.left:
        print(f"left: {words}")
    return done


def _require_erased(done: Forgotten) -> None:
    """Raise StcaError if files of this machine are still there."""
    from stca.errors import StcaError

    if count := len(done.left) - len(done.elsewhere):
        noted = "the gallery has a note of them: the next `stca gallery forget` or `expire` tries again, or "
        raise StcaError(
            "Not everything was erased",
            found=f"{count} of the places above ('left')",
            hint=f"{noted if done.tried_again else ''}erase them yourself",
        )


def _some(keys: tuple[str, ...]) -> str:
    return ", ".join(keys[:5]) + (f" and {len(keys) - 5} more" if len(keys) > 5 else "")


def _copy(given: argparse.Namespace) -> None:
    from stca.gallery.keeping import copy_gallery

    done = copy_gallery(given.gallery, given.out, overwrite=given.overwrite)
    print(f"{done} (crops stay where they are)")


def _backup(given: argparse.Namespace) -> None:
    from stca.gallery.keeping import backup

    print(f"{backup(given.gallery, given.out)} tracklets in {given.out} (their crops are not in it)")


def _restore(given: argparse.Namespace) -> None:
    from stca.gallery.keeping import restore

    count, again = restore(given.backup, given.gallery, replace=given.force)
    print(
        f"{count} tracklets in {given.gallery}"
        + (f"; {again} forgotten since, erased again" if again else "")
    )


def _upgrade(given: argparse.Namespace) -> None:
    from stca.gallery.keeping import upgrade

    for change in upgrade(given.gallery) or ["nothing to change: the gallery is of this version"]:
        print(change)
