"""What is added at once is embedded by one runtime."""

import itertools
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import stca.embedding
from stca.errors import ConfigError
from stca.footage.images import write_jpeg
from stca.gallery import Gallery, add_tracklets, embedding
from stca.models import ReIDModel, create_model
from stca.tools import progress
from stca.tools.progress import format_seconds
from stca.tracks import FoundTracklet, find_tracklets


@pytest.fixture
def tracklets(tmp_path: Path) -> list[FoundTracklet]:
    rng = np.random.default_rng(0)
    for number in range(7):
        folder = tmp_path / "tracks" / "cam1" / f"{number:04d}"
        folder.mkdir(parents=True)
        for frame in range(3):
            write_jpeg(folder / f"{frame:06d}.jpg", rng.integers(0, 256, (32, 16, 3), dtype=np.uint8))
    return find_tracklets(tmp_path / "tracks")


@pytest.fixture
def model() -> ReIDModel:
    torch.manual_seed(0)
    return create_model(
        "cnn2d_small", num_ids=2, image_size=(32, 16), width=4, layers=(1, 1, 1, 1), clip_len=2
    ).eval()


def test_the_runtime_is_opened_once(
    model: ReIDModel, tracklets: list[FoundTracklet], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    real = stca.embedding.open_runtime

    def counting(*args: object, **options: object) -> object:
        opened.append(str(args[1]))
        return real(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(stca.embedding, "open_runtime", counting)
    monkeypatch.setattr(embedding, "_BATCH", 2)
    with Gallery.open(tmp_path / "g", model=model) as gallery:
        done = add_tracklets(gallery, model, tracklets, device="cpu", workers=0)
        assert done.added == 7
        assert opened == ["float32 by torch on cpu"]
        for found in tracklets:
            got = gallery.get(found.key)
            assert got is not None
            alone = embedding.embed(gallery, model, [found], device="cpu", workers=0)[0]
            np.testing.assert_allclose(got[1], alone / np.linalg.norm(alone), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "unit", "total"), [("cnn2d_small", "frames", 21), ("cnn3d_small", "clips", 14)]
)
def test_the_time_left_is_told_within_a_batch_of_tracklets(
    tracklets: list[FoundTracklet],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    unit: str,
    total: int,
) -> None:
    """Seven tracklets are one batch; here every forward pass takes six seconds."""
    clock = itertools.count(0, 6)
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: float(next(clock))))
    model = create_model(
        name, num_ids=2, image_size=(32, 16), width=4, layers=(1, 1, 1, 1), clip_len=2
    ).eval()
    with Gallery.open(tmp_path / "g", model=model) as gallery:
        add_tracklets(gallery, model, tracklets, device="cpu", workers=0, batch_size=1)
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("embed and add")]
    per_pass = 2 if unit == "frames" else 1
    passes = -(-total // per_pass)
    wanted = []
    for number in range(2, passes + 1, 2):  # a line every ten seconds at most
        done = min(number * per_pass, total)
        left = format_seconds(6 * number / done * (total - done))
        wanted.append(f"embed and add 7 tracklets, {unit}: {done}/{total}, {left} left")
    assert said == wanted
    assert len(wanted) >= 5


def test_a_gallery_is_not_filled_or_searched_in_int8(
    model: ReIDModel, tracklets: list[FoundTracklet], tmp_path: Path
) -> None:
    with Gallery.open(tmp_path / "g", model=model) as gallery:
        with pytest.raises(ConfigError, match=r"not computed in int8(.|\n)*precision=bf16"):
            add_tracklets(gallery, model, tracklets, precision="int8")
        with pytest.raises(ConfigError, match="not computed in int8"):
            embedding.embed(gallery, model, tracklets, precision="int8")
        assert len(gallery) == 0
