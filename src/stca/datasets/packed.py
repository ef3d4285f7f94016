"""A data set in one file: what `stca data pack` made of any other."""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path

from stca.errors import ConfigError, DatasetError, FrameError
from stca.footage.packs import SUFFIX, open_pack, read_packed, write_pack
from stca.tracklets import Splits, Tracklet

LAYOUT = """\
ROOT.lmdb               one LMDB file: every frame as it was, and who is where"""

_SPLITS = "/splits"
"""The name of the index; no frame's name begins with a slash."""
_PARTS = ("train", "query", "gallery")


def load(root: Path, *, split: int = 0) -> Splits:
    """A data set in one file, by `stca data pack`.

    Args:
        root: the file.
        split: the one that was packed.

    Raises:
        DatasetError: no file, or none that `stca data pack` wrote.
        ConfigError: another split than the packed one.

    """
    if not root.is_file() or root.suffix != SUFFIX:
        raise DatasetError(
            "There is no pack", expected=f"a file {LAYOUT.split()[0]}", found=root.name, where=root
        )
    open_pack(root)
    try:
        content = json.loads(zlib.decompress(read_packed(root, _SPLITS)))
        train, query, gallery = (
            tuple(
                Tracklet(tuple(root / name for name in frames), person, camera, key)
                for frames, person, camera, key in content[part]
            )
            for part in _PARTS
        )
        packed, protocols = int(content["split"]), tuple(content["protocols"])
        found = Splits(content["name"], train, query, gallery, protocols, dict(content["notes"]))
    except (FrameError, KeyError, TypeError, ValueError, zlib.error) as error:
        raise DatasetError(
            "This is no pack of a data set", expected="a file by `stca data pack`", found=error, where=root
        ) from error
    if split != packed:
        raise ConfigError("The pack holds another split", expected=f"split={packed}", found=split, where=root)
    return found


def pack_dataset(splits: Splits, out: Path, *, split: int = 0) -> int:
    """Write all frames of a data set and who is where into one file; returns its size in bytes.

    Frames stay as they are, byte for byte.

    Args:
        splits: what `load_dataset` gave.
        out: a name that ends in .lmdb; replaced when the new pack is whole.
        split: which split of the data set `splits` is.

    Raises:
        ConfigError: another ending.
        DatasetError: a frame that cannot be read, or frames that are packed already.
        StcaError: lmdb is not installed.

    """
    if out.suffix != SUFFIX:
        raise ConfigError("A pack's name has another ending", expected=SUFFIX, found=out.name)
    frames = {frame for part in _PARTS for t in getattr(splits, part) for frame in t.frames}
    top = Path(os.path.commonpath([frame.parent for frame in frames]))
    names = {frame: frame.relative_to(top).as_posix() for frame in sorted(frames)}
    index = {
        "name": splits.name,
        "split": split,
        "protocols": splits.protocols,
        "notes": dict(splits.notes),
        **{
            part: [
                [[names[f] for f in t.frames], t.person_id, t.camera_id, t.key] for t in getattr(splits, part)
            ]
            for part in _PARTS
        },
    }
    content = zlib.compress(json.dumps(index).encode())
    return write_pack(out, ((name, frame) for frame, name in names.items()), {_SPLITS: content})
