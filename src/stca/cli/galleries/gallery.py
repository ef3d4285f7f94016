"""`stca gallery add | list | remove | stats`; `keeping` has the others."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stca.cli.galleries import keeping
from stca.cli.parsing import Verbs, add_model_options, add_verb, gallery_place, natural, positive, shown_place
from stca.cli.scaling import add_engine, check_engine, embed_on_cluster

if TYPE_CHECKING:
    from stca.gallery import Gallery


def add_verbs(verbs: Verbs) -> None:
    """Add `gallery` and what is below it."""
    parent = verbs.add_parser("gallery", help="embedded tracklets on disk or on Milvus, to be searched")
    below = parent.add_subparsers(title="commands", metavar="COMMAND", required=True)

    add = add_verb(below, "add", _add, help="embed and add tracklets; creates the gallery if there is none")
    add.add_argument("gallery", type=gallery_place, help="folder or milvus:// address of the gallery")
    add.add_argument(
        "tracks",
        type=Path,
        nargs="+",
        help="folders of tracklets (`stca track`) or of vectors (`stca embed --engine ray`)",
    )
    add.add_argument("--replace", action="store_true", help="replace tracklets whose frames have changed")
    add.add_argument(
        "--keep-vectors",
        action="store_true",
        help="with --engine ray: leave the files of vectors in GALLERY.vectors, so that another add embeds "
        "only what is new; `stca gallery forget` does not reach them",
    )
    add_embedding(add)
    add_engine(add, what="embed")

    shown = add_verb(below, "list", _list, help="list the tracklets, one per line")
    shown.add_argument("--camera", action="append", help="only this camera; may be repeated")

    remove = add_verb(below, "remove", _remove, help="remove tracklets: all that are named, or none")

    stats = add_verb(below, "stats", _stats, help="size, cameras, times, model, index and threshold")
    for parser in (shown, remove, stats):
        parser.add_argument("gallery", type=gallery_place, help="folder or milvus:// address of the gallery")
    remove.add_argument("key", nargs="+", help="of a tracklet (see `stca gallery list`)")
    for parser in (shown, stats):
        parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    keeping.add_verbs(below)


def add_embedding(parser: argparse.ArgumentParser) -> None:
    """Options for the model and for computing embeddings."""
    parser.add_argument(
        "--model",
        help="a run's folder, a .safetensors, .onnx, .xml or .pth file, a model's name, or 'pretrained' (the "
        "network in the package), a name of `stca weights list`; default: the gallery's, or the best at hand",
    )
    add_model_options(parser)
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="where to compute")
    parser.add_argument(
        "--precision",
        choices=("float32", "bf16", "auto"),
        default="float32",
        help="numeric precision of the network",
    )
    parser.add_argument("--batch-size", type=positive, default=16, help="clips per forward pass")
    parser.add_argument("--workers", type=natural, default=2, help="number of processes that decode images")


def embedding_of(given: argparse.Namespace) -> dict[str, Any]:
    """The embedding options as keywords."""
    return {name: getattr(given, name) for name in ("device", "precision", "batch_size", "workers")}


def _add(given: argparse.Namespace) -> int:
    from stca.gallery import add_tracklets
    from stca.runs.gallery_model import open_gallery
    from stca.scale.vector_files import find_vector_files
    from stca.tracks import find_tracklets

    check_engine(given)
    vectors = [find_vector_files(place) for place in given.tracks]
    if given.engine == "ray" or any(vectors):
        return _add_vectors(given, vectors)
    tracklets = [found for root in given.tracks for found in find_tracklets(root)]
    gallery, model = open_gallery(given.gallery, given.model)
    with gallery:
        done = add_tracklets(gallery, model, tracklets, replace=given.replace, **embedding_of(given))
        print(f"{done}; {len(gallery)} tracklets in {gallery.where}")
    return 0


def _add_vectors(given: argparse.Namespace, vectors: list[list[Path]]) -> int:
    """Add files of vectors, which are made first from folders of tracks."""
    from stca.errors import ConfigError
    from stca.gallery import ModelFingerprint
    from stca.runs import open_model
    from stca.runs.gallery_model import choose_model
    from stca.scale.vector_files import add_vectors, require_model

    files, failed = [file for each in vectors for file in each], 0
    made: list[Path] = []
    if files and given.model is not None:
        require_model(files, ModelFingerprint.of(open_model(given.model)))
    if roots := [place for place, each in zip(given.tracks, vectors, strict=True) if not each]:
        if given.engine != "ray":
            raise ConfigError(
                "Folders of tracks and of vectors are added one after the other",
                found=", ".join(map(str, given.tracks)),
            )
        given.model = choose_model(given.gallery, given.model)
        folder = _vectors_folder(given.gallery)
        made, failed = embed_on_cluster(given, roots, folder)
        files += made
    if files:
        done, count = add_vectors(given.gallery, files, replace=given.replace)
        print(f"{done}; {count} tracklets in {shown_place(given.gallery)}")
    if made and failed and not given.keep_vectors:
        words = "files of vectors stay there until another add fails nowhere; forgetting does not reach them"
        print(f"{made[0].parent}: {words}", file=sys.stderr)
    elif made and not given.keep_vectors:
        _erase_vectors(made)
    return 1 if failed else 0


def _erase_vectors(made: list[Path]) -> None:
    """Erase files that were only on their way to the gallery, and their folder if nothing else is in it."""
    from stca.scale.tracking import ATTEMPTS
    from stca.tools.erasing import erase_file

    for file in made:
        erase_file(file)
    with contextlib.suppress(OSError):  # not empty: something of the user's own
        (made[0].parent / ATTEMPTS).rmdir()
        made[0].parent.rmdir()


def _vectors_folder(gallery: Path | str) -> Path:
    """Where files of vectors are kept on their way: beside the gallery, or here for one at an address."""
    from stca.gallery.milvus.address import parse_address

    if isinstance(gallery, Path):
        return gallery.with_name(f"{gallery.name}.vectors")
    address = parse_address(gallery)
    return Path(f"{Path(address.uri).stem if address.is_lite else address.name}.vectors")


def _list(given: argparse.Namespace) -> None:
    from stca.gallery import Gallery
    from stca.gallery.times import format_span

    with Gallery.open(given.gallery) as gallery:
        require_cameras(gallery, given.camera)
        records = [r for r in gallery.records() if not given.camera or r.camera in given.camera]
    if given.json:
        print(json.dumps([asdict(record) for record in records], default=str, indent=1))
        return
    width = max([len(record.key) for record in records], default=3)
    print(f"{'key':<{width}}  {'camera':<12} {'person':>6} {'frames':>6}  time")
    for record in records:
        person = "" if record.person is None else record.person
        span = format_span(record)
        print(f"{record.key:<{width}}  {record.camera:<12} {person:>6} {record.frames:>6}  {span}".rstrip())


def require_cameras(gallery: Gallery, names: list[str] | None) -> None:
    """Raise GalleryError for a camera that no tracklet is of, rather than find nobody there."""
    from stca.errors import GalleryError
    from stca.tools.lookup import suggest

    if not names:
        return
    known = gallery.stats().cameras
    for name in names:
        if name not in known:
            raise GalleryError(
                "There is no such camera in the gallery",
                expected=", ".join(sorted(known)) or "any: it is empty",
                found=repr(name),
                hint=suggest(name, known),
            )


def _remove(given: argparse.Namespace) -> None:
    from stca.gallery import Gallery
    from stca.gallery.cross_camera import keep_public_threshold

    with Gallery.open(given.gallery) as gallery:
        gallery.remove(*given.key)
        keep_public_threshold(gallery)
        print(f"{len(set(given.key))} removed; {len(gallery)} tracklets in {gallery.where}")


def _stats(given: argparse.Namespace) -> None:
    from stca.gallery import Gallery
    from stca.gallery.keeping import is_forgetting_unfinished, what_is_unerased
    from stca.gallery.times import format_time

    with Gallery.open(given.gallery) as gallery:
        stats, calibration, fingerprint = gallery.stats(), gallery.calibration(), gallery.fingerprint
        unfinished, unerased = is_forgetting_unfinished(gallery), what_is_unerased(gallery)
    if given.json:
        content = asdict(stats) | {
            "model": asdict(fingerprint),
            "forgetting_unfinished": unfinished,
            "unerased": list(unerased),
            "calibration": calibration and asdict(calibration),
        }
        print(json.dumps(content, indent=1))
        return
    cameras = f"{len(stats.cameras)} camera{'s' * (len(stats.cameras) != 1)}"
    print(f"{stats.tracklets:,} tracklets, {cameras}, {stats.persons} persons")
    for camera, count in stats.cameras.items():
        print(f"  {camera:<16} {count:>9,}")
    if stats.hidden:
        print(f"hidden    {stats.hidden:,} of them: stca person show")
    if stats.first is not None and stats.last is not None:
        print(f"seen      {format_time(stats.first)} to {format_time(stats.last)}")
    weights = fingerprint.weights[:12] or "not known"
    print(f"model     {fingerprint.name}, {stats.dim} dimensions, weights {weights}")
    print(f"search    {stats.index}")
    if stats.bytes_on_disk is not None:
        print(f"on disk   {stats.bytes_on_disk / 1e6:,.1f} MB")
    if unfinished:
        print(f"forgetting is not finished: stca gallery forget {gallery.where}")
    for words in unerased:
        print(f"to be erased: {words} (stca gallery forget {gallery.where} tries again)")
    print(calibration.table() if calibration else "threshold none yet: stca calibrate")
