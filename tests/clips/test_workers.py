"""Whatever happens to the processes that decode, the main process gets its batches or a clear error."""

import errno
import os
import resource
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from stca.clips import Transform, dense_batches, loaders, workers
from stca.clips.transforms import Draw
from stca.errors import StcaError
from stca.tracklets import Tracklet

SIZE = (32, 16)


@pytest.fixture
def people(make_tracklet: Callable[..., Tracklet]) -> list[Tracklet]:
    return [make_tracklet(6, person=person, camera=1) for person in (1, 2, 3)]


def batches(people: list[Tracklet], transform: Transform | None = None, **options: int) -> Iterator[object]:
    return dense_batches(people, transform or Transform(SIZE), clip_len=2, batch_size=2, **options)[1]


class Broken(Transform):
    """What a worker does that dies, or that never comes back."""

    def __call__(self, image: np.ndarray, draw: Draw) -> np.ndarray:
        if self.flip:
            time.sleep(60)
        os.kill(os.getpid(), signal.SIGKILL)
        return image


def test_a_worker_that_is_killed_is_an_error_within_seconds(people: list[Tracklet]) -> None:
    with pytest.raises(StcaError, match=r"died(.|\n)*(Killed|exited)(.|\n)*--workers 0"):
        list(batches(people, Broken(SIZE), workers=1))


def test_workers_are_not_waited_for_without_a_limit(
    people: list[Tracklet], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "_CHECK_SECONDS", 1.0)
    monkeypatch.setattr(workers, "_PATIENCE_SECONDS", 2.0)
    with pytest.raises(StcaError, match=r"deliver nothing(.|\n)*within 2 s(.|\n)*--workers 0"):
        list(batches(people, Broken(SIZE, flip=1.0), workers=1))


def test_slow_workers_lose_nothing(people: list[Tracklet], monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(Transform):
        def __call__(self, image: np.ndarray, draw: Draw) -> np.ndarray:
            time.sleep(0.3)
            return super().__call__(image, draw)

    monkeypatch.setattr(workers, "_CHECK_SECONDS", 0.1)  # looks at them several times a batch
    slow, fast = list(batches(people, Slow(SIZE), workers=2)), list(batches(people))
    assert len(slow) == len(fast) == 5
    assert all(torch.equal(one.frames, two.frames) for one, two in zip(slow, fast, strict=True))


def test_no_batch_goes_through_shared_memory(people: list[Tracklet], monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise RuntimeError("unable to write to shared memory: No space left on device (28)")

    for storage in (torch.UntypedStorage, torch.TypedStorage):
        for way in ("_share_fd_cpu_", "_share_filename_cpu_", "_new_using_fd_cpu", "_new_using_filename_cpu"):
            monkeypatch.setattr(storage, way, full, raising=False)
    found, expected = list(batches(people, workers=2)), list(batches(people))
    for one, two in zip(found, expected, strict=True):
        assert torch.equal(one.frames, two.frames)
        assert torch.equal(one.rows, two.rows)


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENOSPC, errno.EAGAIN])
def test_where_no_process_starts_this_one_decodes(
    people: list[Tracklet], number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = loaders.DataLoader

    def loader(*given: object, num_workers: int, **options: object) -> object:
        if num_workers:
            raise OSError(number, os.strerror(number))
        return real(*given, num_workers=0, **options)

    monkeypatch.setattr(loaders, "DataLoader", loader)
    with pytest.warns(UserWarning, match=rf"{os.strerror(number)}(.|\n)*--workers 0"):
        found = list(batches(people, workers=2))
    assert torch.equal(found[-1].frames, list(batches(people))[-1].frames)


MANY = """
import resource, sys
from pathlib import Path
import torch
from stca.clips import Transform, dense_batches
from stca.datasets import load_dataset

people = load_dataset("folder", Path(sys.argv[1])).train
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[2]), int(sys.argv[2])))
_, batches = dense_batches(people, Transform((32, 16)), clip_len=2, batch_size=2, workers=2)
kept = list(batches)
print(len(kept), int(torch.cat([batch.frames for batch in kept]).sum()))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts open files as Linux does")
def test_few_open_files_are_enough(people: Path, make_people: Callable[..., Path], tmp_path: Path) -> None:
    root = make_people(tmp_path / "people", persons=6, tracklets=3)
    limits = (64, 24, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    outputs = []
    for limit in limits:  # 24: too few for workers; the last one: as it is
        done = subprocess.run(
            [sys.executable, "-c", MANY, str(root), str(limit)],
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        outputs.append(done.stdout)
    assert len(set(outputs)) == 1
    assert outputs[0].split()[0] == "54"


def test_all_is_quiet_where_nothing_is_wrong(people: list[Tracklet]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(list(batches(people, workers=1))) == 5
