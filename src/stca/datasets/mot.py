"""MOTChallenge sequences: people tracked in videos (MOT15 to MOT20, or what `stca track` wrote)."""

from __future__ import annotations

import configparser
from collections import Counter
from pathlib import Path

from stca.datasets.layout import block, describe, list_folder, only_split, require
from stca.datasets.mot_cutting import CutOptions, VideoSequence, cut_sequence
from stca.errors import DatasetError
from stca.footage.video import VIDEO_SUFFIXES
from stca.tracklets import Splits, Tracklet

LAYOUT = """\
ROOT/                   one sequence, or a folder of sequences (one or two levels down)
  gt/gt.txt             or gt.txt: frame,track,left,top,width,height,confidence,class,visibility
  img1/000001.jpg ...   or one video file; image or frame k is frame k of the tracks
  seqinfo.ini           optional; its imDir names the folder of images"""


def load(
    root: Path,
    *,
    split: int = 0,
    tracklet_len: int = 16,
    gap: int = 16,
    min_height: int = 40,
    min_width: int = 16,
    min_visibility: float = 0.3,
    min_frames: int = 4,
) -> Splits:
    """Cut the tracks of all sequences into tracklets.

    Every tracklet is in all three parts; protocol `same-track`: tracklets of the same track are the
    answers and only the query itself is left out. A sequence is a camera and a track of it a person,
    both numbered from 1 (identities are not matched across sequences). Sequences with the same tracks to
    the byte (MOT17 has each three times, once per detector) count once.

    Crops are written as JPEG below `stca.tools.files.cache_dir()` at the first call and found there later;
    the root is only read.

    Args:
        root: see `LAYOUT`.
        split: 0, there is one.
        tracklet_len: frames of a tracklet at most.
        gap: frames left out between two tracklets of a track.
        min_height: of a box clipped to the image, in pixels; smaller ones are dropped.
        min_width: the same across.
        min_visibility: boxes less visible than this fraction are dropped.
        min_frames: shorter tracklets are dropped.

    Raises:
        DatasetError: no sequence, none with a usable track, or one without tracks or frames.
        FrameError: an image or a video that cannot be read.
        ConfigError: an option out of its range, or another split.

    """
    only_split("mot", split)
    options = CutOptions(tracklet_len, gap, min_height, min_width, min_visibility, min_frames)
    require(root, (), name="mot", layout=LAYOUT)
    notes: Counter[str] = Counter()
    tracklets: list[Tracklet] = []
    persons: dict[tuple[str, int], int] = {}
    for camera, sequence in enumerate(_without_copies(find_sequences(root), notes), start=1):
        pieces = cut_sequence(sequence, options)
        notes.update(pieces.notes)
        for track, frames in pieces.tracklets:
            person = persons.setdefault((sequence.name, track), len(persons) + 1)
            tracklets.append(Tracklet(frames, person, camera, f"{sequence.name}/{track}/{frames[0].stem}"))
    if not tracklets:
        raise DatasetError(
            "mot: nothing is left to cut", found=dict(notes), where=root, hint="relax the options"
        )
    everything = tuple(tracklets)
    return Splits("mot", everything, everything, everything, ("same-track",), dict(notes))


def find_sequences(root: Path) -> list[VideoSequence]:
    """Sequences at `root`, or one or two levels below, in natural order.

    Raises:
        DatasetError: there is none, or one has tracks but no frames, or two videos.

    """
    places = _places(root, depth=2)
    if not places:
        above = next((place for place in root.absolute().parents[:2] if _tracks(place)), None)
        raise DatasetError(
            "mot: no sequence found",
            expected=block(LAYOUT),
            found=describe(root),
            where=root,
            hint=f"this folder is a sequence: {above}" if above else "give the folder of the sequences",
        )
    base = root.parent if places == [root] else root
    return [_sequence(place, place.relative_to(base).as_posix()) for place in places]


def _places(folder: Path, *, depth: int) -> list[Path]:
    if _tracks(folder):
        return [folder]
    if depth == 0:
        return []
    children = list_folder(folder).folders
    return [place for child in children for place in _places(folder / child, depth=depth - 1)]


def _tracks(folder: Path) -> Path | None:
    return next((path for path in (folder / "gt" / "gt.txt", folder / "gt.txt") if path.is_file()), None)


def _sequence(folder: Path, name: str) -> VideoSequence:
    tracks = _tracks(folder)
    assert tracks is not None  # `_places` looked
    images = folder / _image_folder(folder)
    if images.is_dir() and (names := list_folder(images).images):
        return VideoSequence(name, tracks, tuple(images / image for image in names), None)
    videos = sorted(path for path in folder.iterdir() if path.suffix.lower() in VIDEO_SUFFIXES)
    if len(videos) != 1:
        raise DatasetError(
            "mot: a sequence needs its frames",
            expected=f"images in {images.name}/, or one video",
            found=[video.name for video in videos] or "neither",
            where=folder,
        )
    return VideoSequence(name, tracks, (), videos[0])


def _image_folder(folder: Path) -> str:
    info = configparser.ConfigParser()
    try:
        info.read(folder / "seqinfo.ini", encoding="utf-8-sig")
    except (configparser.Error, UnicodeDecodeError) as error:
        raise DatasetError("Cannot read a seqinfo.ini", found=error, where=folder / "seqinfo.ini") from error
    return info.get("Sequence", "imDir", fallback="img1")


def _without_copies(sequences: list[VideoSequence], notes: Counter[str]) -> list[VideoSequence]:
    first: dict[bytes, VideoSequence] = {}
    for sequence in sequences:
        first.setdefault(sequence.tracks.read_bytes(), sequence)
    if copies := len(sequences) - len(first):
        notes["sequences with the tracks of another, left out"] = copies
    return list(first.values())
