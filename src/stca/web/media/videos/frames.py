"""Any frame of a video by its number, as tracking counted."""

from __future__ import annotations

import threading
import time
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from stca.errors import FrameError
from stca.footage.display import Display
from stca.footage.images import RGB
from stca.footage.video import open_video
from stca.web.media.videos.images import no_frame
from stca.web.media.videos.readers import Reader, from_beginning, from_entry
from stca.web.media.videos.seeking import NotThereError, SeekIndex, build_index
from stca.web.problems import WebError

_READERS = 3
"""Places of one video that reading goes on from."""
_NEAR = 60
"""Frames that are read over rather than to look for a nearer place."""
_WORTH_INDEXING = 250
"""Frames that would be read over before all packets are looked through for places to begin with."""
PATIENCE = 20.0
"""Seconds that one request may take; a later one goes on where it stopped."""


class VideoFrames:
    """The frames of a video file. Readers stay open and go on, so that neighbours come quickly.

    Args:
        path: of the file.
        frames: how many frames tracking read; None where it did not read all.
        patience: seconds that one request may take.

    """

    def __init__(self, path: Path, *, frames: int | None, patience: float = PATIENCE) -> None:
        self._path, self._count, self._patience = path, frames, patience
        self._lock = threading.Lock()
        self._readers: list[Reader] = []  # the one used last comes last
        self._times = array("d")  # of the frames from 1 that were read in order
        self._index: SeekIndex | None = None
        self._index_built = False
        self._display: Display | None = None
        self._size = 0, 0

    @property
    def size(self) -> tuple[int, int]:
        """Width and height as a player shows them."""
        with self._locked(time.monotonic() + self._patience):
            self._shown()
            return self._size

    def image(self, number: int) -> RGB:
        """Frame `number`.

        Raises:
            WebError: there is none (404), or it takes too long (503).
            FrameError: the video cannot be read.

        """
        deadline = time.monotonic() + self._patience
        with self._locked(deadline):
            self._require(number)
            for reader in reversed(self._readers):
                if (frame := reader.kept(number)) is not None:
                    self._used(reader)
                    return self._shown().image(frame)
            try:
                frame = self._read(self._nearest(number), number, deadline)
            except NotThereError:  # the file is not what its packets say: only the whole of it tells
                self._close_readers()
                self._index = None
                frame = self._read(self._nearest(number), number, deadline)
            return self._shown().image(frame)

    def seconds(self, number: int) -> float:
        """The time of frame `number` since the first, as `open_source` gives it; errors as of `image`."""
        deadline = time.monotonic() + self._patience
        with self._locked(deadline):
            self._require(number)
            if number > len(self._times) + _WORTH_INDEXING and (index := self._indexed()) is not None:
                return float(index.times[number - 1])
            if number > len(self._times):
                begun = [reader for reader in self._readers if reader.first == 1]
                furthest = max(begun, key=lambda reader: reader.next, default=None)
                self._read(furthest or self._open(1), number, deadline)
            return self._times[number - 1]

    def close(self) -> None:
        """Close the files; they are opened again when needed."""
        with self._lock:
            self._close_readers()

    # ---- reading ----

    def _nearest(self, number: int) -> Reader:
        """The reader, perhaps a new one, that has to read over the fewest frames."""
        behind = [reader for reader in self._readers if reader.next <= number]
        best = max(behind, key=lambda reader: reader.next, default=None)
        gap = number - (best.next if best else 1)
        if gap > _NEAR and (self._index is not None or gap > _WORTH_INDEXING):
            index = self._indexed()
            entry = index.entry(number) if index else None
            if entry is not None and (best is None or entry > best.next):
                return self._open(entry)
        return best or self._open(1)

    def _read(self, reader: Reader, number: int, deadline: float) -> Any:
        self._used(reader)
        while reader.next <= number:
            if time.monotonic() > deadline:
                raise _busy(f"frame {reader.next} was reached")
            try:
                step = reader.step()
            except BaseException:  # it cannot go on
                self._readers.remove(reader)
                reader.close()
                raise
            if step is None:
                raise no_frame(number, reader.next - 1)
            if reader.first == 1 and reader.next == len(self._times) + 2:
                self._times.append(step[0])
        return reader.kept(number)

    def _open(self, entry: int) -> Reader:
        if entry == 1:
            reader = Reader(1, from_beginning(self._path))
        else:
            assert self._index is not None
            reader = Reader(entry, from_entry(self._path, self._index, entry))
        self._readers.append(reader)
        while len(self._readers) > _READERS:
            self._readers.pop(0).close()
        return reader

    def _used(self, reader: Reader) -> None:
        self._readers.remove(reader)
        self._readers.append(reader)

    def _close_readers(self) -> None:
        while self._readers:
            self._readers.pop().close()

    def _indexed(self) -> SeekIndex | None:
        if not self._index_built:
            self._index_built = True
            self._index = None if self._count is None else build_index(self._path, frames=self._count)
        return self._index

    def _shown(self) -> Display:
        """What turns frames into pictures: all in the size and orientation of the first."""
        if self._display is None:
            with open_video(self._path) as video:
                first = next((frame for _, frame in islice(video.decode(), 1)), None)
                if first is None:
                    raise FrameError("No frame of a video can be read", where=self._path)
                display = Display(video.stream, video.name)
                self._size = display.size(first)
            self._display = display
        return self._display

    def _require(self, number: int) -> None:
        if number < 1 or (self._count is not None and number > self._count):
            raise no_frame(number, self._count)

    @contextmanager
    def _locked(self, deadline: float) -> Iterator[None]:
        if not self._lock.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise _busy("another request reads this video")
        try:
            yield
        finally:
            self._lock.release()


def _busy(found: str) -> WebError:
    return WebError(
        "This frame takes longer to read",
        status=503,
        retry_after=2,
        found=found,
        hint="ask again: reading goes on where it stopped",
    )
