"""Detection on a sequence of frames: decoding ahead, using all cores, caching boxes for a resumed run."""

from __future__ import annotations

import contextlib
import queue
import struct
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np

from stca.footage.sources import Frame
from stca.tools.cores import cores
from stca.tracking.detectors.detections import Detections, Detector

_AHEAD = 8  # frames decoded ahead
_HEAD = struct.Struct("<qi")  # frame, number of boxes; then five float32 per box


def read_ahead(frames: Iterable[Frame], *, live: bool) -> Iterator[Frame]:
    """The same frames, read ahead by a thread; a full queue drops a live camera's oldest."""
    waiting: queue.Queue[Frame | BaseException | None] = queue.Queue(_AHEAD)
    stop = threading.Event()

    def put(item: Frame | BaseException | None) -> None:
        makes_room = live and isinstance(item, Frame)
        while not stop.is_set():
            try:
                waiting.put(item, block=not makes_room, timeout=0.1)
                return
            except queue.Full:
                if makes_room:
                    _discard(waiting)

    def read() -> None:
        try:
            for frame in frames:
                put(frame)
                if stop.is_set():
                    return
            put(None)
        except BaseException as error:  # re-raised in the consuming thread
            put(error)

    threading.Thread(target=read, daemon=True, name="decoding").start()
    try:
        while (item := waiting.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stop.set()


def _discard(waiting: queue.Queue[Frame | BaseException | None]) -> None:
    with contextlib.suppress(queue.Empty):
        waiting.get_nowait()


def detect_frames(
    frames: Iterable[Frame], detector: Detector, *, known: dict[int, Detections] | None = None
) -> Iterator[tuple[Frame, Detections]]:
    """Every frame with its boxes, in order; frames in `known` are not detected again."""
    workers = 1 if detector.stateful else cores()
    known = known or {}
    waiting: deque[tuple[Frame, Future[Detections]]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="detecting") as pool:
        try:
            for frame in frames:
                if (found := known.get(frame.number)) is not None:
                    answer: Future[Detections] = Future()
                    answer.set_result(found)
                else:
                    answer = pool.submit(detector.detect, frame.image)
                waiting.append((frame, answer))
                if len(waiting) > 2 * workers:
                    yield _done(waiting.popleft())
            while waiting:
                yield _done(waiting.popleft())
        finally:
            for _, answer in waiting:
                answer.cancel()


def _done(pair: tuple[Frame, Future[Detections]]) -> tuple[Frame, Detections]:
    return pair[0], pair[1].result()


def read_boxes(path: Path) -> dict[int, Detections]:
    """Boxes by frame that `record_boxes` wrote before it was interrupted; empty if there is no file."""
    found: dict[int, Detections] = {}
    data = path.read_bytes() if path.exists() else b""
    place = 0
    while place + _HEAD.size <= len(data):
        frame, count = _HEAD.unpack_from(data, place)
        place += _HEAD.size
        if count < 0 or place + 20 * count > len(data):
            break
        rows = np.frombuffer(data, "<f4", 5 * count, place).reshape(count, 5).astype(np.float32)
        found[frame] = Detections(rows[:, :4], rows[:, 4])
        place += 20 * count
    return found


def record_boxes(
    pairs: Iterable[tuple[Frame, Detections]], path: Path, known: dict[int, Detections]
) -> Iterator[tuple[Frame, Detections]]:
    """Pass all pairs through and append the boxes to a file, after the `known` ones it already holds."""
    whole = sum(_HEAD.size + 20 * len(found) for found in known.values())
    with path.open("r+b" if path.exists() else "wb") as file:
        file.truncate(whole)
        file.seek(whole)
        for pair in pairs:
            if pair[0].number not in known:
                file.write(_packed(pair[0].number, pair[1]))
                file.flush()
            yield pair


def _packed(frame: int, found: Detections) -> bytes:
    rows = np.column_stack([found.boxes, found.scores]).astype("<f4")
    return _HEAD.pack(frame, len(found)) + rows.tobytes()
