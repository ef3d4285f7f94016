"""`stca calibrate`."""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from stca.cli.galleries.gallery import add_embedding, embedding_of
from stca.cli.parsing import Verbs, add_verb, gallery_place, picture, shown_place

if TYPE_CHECKING:
    from stca.gallery import Calibration, Gallery


def add_verbs(verbs: Verbs) -> None:
    """Add `calibrate`."""
    calibrate = add_verb(
        verbs, "calibrate", _calibrate, help="find the score threshold below which nobody is recognised"
    )
    calibrate.add_argument("gallery", type=gallery_place, help="folder or milvus:// address of the gallery")
    calibrate.add_argument(
        "--far", type=fraction, default=0.01, help="false-accept rate: searches for people not in the gallery"
    )
    source = calibrate.add_mutually_exclusive_group()
    source.add_argument(
        "--labels",
        type=Path,
        metavar="FILE.csv",
        help="identities, columns key,person; default: those of the tracklets, else enough corrections (stca "
        "person), else --public, else --halves",
    )
    source.add_argument(
        "--public",
        action="store_true",
        help="take what the network scores on people of two cameras in public sets, as a new gallery does",
    )
    source.add_argument(
        "--halves",
        action="store_true",
        help="where nobody has said who is who, cut each tracklet in two instead of --public: right within a "
        "camera, too strict between cameras",
    )
    calibrate.add_argument("--across", action="store_true", help="compare only different cameras")
    calibrate.add_argument("--plot", type=picture, metavar="FILE.png", help="write a figure of DIR over FAR")
    add_embedding(calibrate)


def fraction(text: str) -> float:
    """A number from 0 to 1."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"a fraction between 0 and 1 is needed, not {text!r}")
    return value


def _calibrate(given: argparse.Namespace) -> None:
    from stca.analysis import save_figure
    from stca.gallery import Gallery, calibrate_gallery
    from stca.gallery.figures import calibration_figure
    from stca.runs.gallery_model import gallery_model

    labels = read_labels(given.labels) if given.labels else None
    with Gallery.open(given.gallery) as gallery:
        stored = _stored(gallery)
        if given.public or _is_public_better(given, gallery, labels, stored):
            _take_public(given, gallery, stored)
            return
        calibration, searches = calibrate_gallery(
            gallery,
            gallery_model(gallery, given.model),
            far=given.far,
            labels=labels,
            across=given.across,
            **embedding_of(given),
        )
    print(calibration.table())
    print(f"stored; {_before(stored)}")
    if given.plot:
        title = (
            f"{shown_place(given.gallery)}: {calibration.searches} searches for people in it, "
            f"{calibration.impostors} not"
        )
        print(save_figure(calibration_figure(calibration, searches, title=title), given.plot))


def _is_public_better(
    given: argparse.Namespace,
    gallery: Gallery,
    labels: dict[str, int] | None,
    stored: Calibration | str | None,
) -> bool:
    """Whether only halves of tracklets are left to measure by, though public sets are known; says so."""
    from stca.errors import ConfigError
    from stca.gallery.cross_camera import scores_of_share
    from stca.gallery.search import why_halves

    if given.halves or scores_of_share(gallery.fingerprint, 0.5, source=gallery.source) is None:
        return False
    why = why_halves(gallery, labels=labels, far=given.far, across=given.across)
    if why is None:
        return False
    if not isinstance(stored, str | None) and stored.by_people:
        raise ConfigError(
            "The gallery's threshold is from what people said, and this would replace it",
            expected="--labels FILE.csv again, or one of --public and --halves to replace it",
            found=why,
            where=gallery.where,
        )
    if not (given.across or given.plot):  # with which public sets are an error
        print(f"{why}: public sets are taken (--halves cuts tracklets in two instead)", file=sys.stderr)
    return True


def _take_public(given: argparse.Namespace, gallery: Gallery, stored: Calibration | str | None) -> None:
    from stca.errors import ConfigError, GalleryError
    from stca.gallery.cross_camera import public_threshold

    if given.across or given.plot:
        raise ConfigError(
            "Nothing of the gallery is measured where public sets are taken",
            expected="neither --across nor --plot; or --labels or --halves",
        )
    found = public_threshold(gallery, far=given.far)
    if found is None:
        raise GalleryError(
            "The package has no scores of this gallery's network on public sets",
            expected="the network in the package, or one of the catalogue that we have measured",
            found=gallery.fingerprint.name,
            where=gallery.where,
            hint="stca calibrate without --public",
        )
    gallery.set_calibration(found)
    print(found.table())
    print(f"stored; {_before(stored, public=True)}")


def _stored(gallery: Gallery) -> Calibration | str | None:
    """What a gallery has until now; where it is damaged, in which way."""
    from stca.errors import GalleryBusyError, GalleryFileError

    try:
        return gallery.calibration()
    except GalleryBusyError:
        raise
    except GalleryFileError as error:
        return str(error.found)


def _before(stored: Calibration | str | None, *, public: bool = False) -> str:
    """What was stored before, and the way back to it."""
    if isinstance(stored, str):
        return f"the one before was damaged ({stored})"
    if stored is None:
        return "there was none before"
    again = f"--public --far {stored.far:g}"
    back = f"; {again} takes that again" if stored.from_public_sets and not public else ""
    return f"before it was {stored.threshold:.4f}, from {stored.origin}{back}"


def read_labels(path: Path) -> dict[str, int]:
    """Identities from a CSV file with columns key and person.

    Raises:
        GalleryError: the file cannot be read or lacks a column, a person is not an integer, or a key occurs
            twice.

    """
    from stca.errors import GalleryError

    labels: dict[str, int] = {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            for row in rows:
                key, person = row["key"], int(row["person"])
                if key in labels:
                    raise ValueError(f"{key!r} is named a second time in line {rows.line_num}")
                if not -(2**63) <= person < 2**63:
                    raise ValueError(f"a person beyond 64 bits in line {rows.line_num}")
                labels[key] = person
        return labels
    except (OSError, KeyError, ValueError, TypeError, csv.Error) as error:
        raise GalleryError(
            "Cannot read labels", expected="columns key,person (an integer)", found=error, where=path
        ) from error
