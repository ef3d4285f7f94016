from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import stca.embedding
from stca.clips import Transform, decode_clip, normalise, sample_clips
from stca.embedding import calibration_clips, embed_tracklets, open_embedder
from stca.errors import DatasetError
from stca.models import ReIDModel, create_model
from stca.tracklets import Embeddings, Tracklet


@pytest.fixture(scope="module")
def model() -> ReIDModel:
    torch.manual_seed(0)
    model = create_model(
        "stca_small", num_ids=3, image_size=(32, 16), width=4, layers=(1, 1, 1, 1), clip_len=3
    )
    model.train()
    with torch.no_grad():
        model(torch.randn(8, 3, 3, 32, 16))  # statistics that are not trivial
    return model


@pytest.fixture(scope="module")
def tracklets(make_people: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> list[Tracklet]:
    """Six tracklets of 1 to 8 frames."""
    root = make_people(tmp_path_factory.mktemp("embedding"), persons=3, cameras=2, tracklets=1, frames=8)
    lengths = (1, 8, 3, 2, 7, 6)
    folders = sorted({path.parent for path in root.rglob("*.jpg")})
    return [
        Tracklet(tuple(sorted(folder.iterdir()))[:length], 1 + number // 2, number % 2, f"t{number}")
        for number, (folder, length) in enumerate(zip(folders, lengths, strict=True))
    ]


def embed(model: ReIDModel, tracklets: list[Tracklet], **options: object) -> Embeddings:
    return embed_tracklets(model, tracklets, **{"device": "cpu", "workers": 0, **options})  # type: ignore[arg-type]


def slow_vectors(
    model: ReIDModel, tracklets: list[Tracklet], clip_len: int, part: str = "embedding"
) -> np.ndarray:
    """One tracklet at a time, one clip at a time."""
    rows = []
    for tracklet in tracklets:
        clips = []
        for frames in sample_clips(len(tracklet), clip_len, mode="dense"):
            decoded = decode_clip(tracklet, frames, Transform(model.image_size)).frames
            with torch.inference_mode():
                output = model.eval()(normalise(torch.from_numpy(decoded)[None]))
            clips.append(getattr(output, part)[0].double().numpy())
        rows.append(sum(clips) / len(clips))
    return np.stack(rows)


@pytest.mark.parametrize("batch_size", [1, 3, 16])
def test_full_batches_give_what_single_clips_give(
    model: ReIDModel, tracklets: list[Tracklet], batch_size: int
) -> None:
    found = embed(model, tracklets, batch_size=batch_size)
    np.testing.assert_allclose(found.vectors, slow_vectors(model, tracklets, 3), rtol=1e-4, atol=1e-5)
    assert found.vectors.dtype == np.float32
    assert found.person_ids.tolist() == [1, 1, 2, 2, 3, 3]
    assert found.camera_ids.tolist() == [0, 1, 0, 1, 0, 1]
    assert found.keys == ("t0", "t1", "t2", "t3", "t4", "t5")


def test_the_order_of_tracklets_does_not_matter(model: ReIDModel, tracklets: list[Tracklet]) -> None:
    order = [3, 0, 5, 1, 4, 2]
    straight, mixed = (
        embed(model, tracklets, batch_size=4),
        embed(model, [tracklets[i] for i in order], batch_size=4),
    )
    assert mixed.keys == tuple(straight.keys[i] for i in order)
    np.testing.assert_allclose(mixed.vectors, straight.vectors[order], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("clip_len", [1, 2, 8])
def test_any_clip_length_may_be_asked_for(model: ReIDModel, tracklets: list[Tracklet], clip_len: int) -> None:
    found = embed(model, tracklets, clip_len=clip_len)
    np.testing.assert_allclose(found.vectors, slow_vectors(model, tracklets, clip_len), rtol=1e-4, atol=1e-5)
    assert model.clip_len == 3


def test_vectors_may_come_from_before_the_neck(model: ReIDModel, tracklets: list[Tracklet]) -> None:
    before, after = embed(model, tracklets, neck="before"), embed(model, tracklets)
    np.testing.assert_allclose(
        before.vectors, slow_vectors(model, tracklets, 3, "pooled"), rtol=1e-4, atol=1e-5
    )
    assert not np.allclose(before.vectors, after.vectors)


def test_workers_do_not_change_the_result(model: ReIDModel, tracklets: list[Tracklet]) -> None:
    np.testing.assert_array_equal(embed(model, tracklets, workers=2).vectors, embed(model, tracklets).vectors)


def test_bfloat16_comes_near(model: ReIDModel, tracklets: list[Tracklet]) -> None:
    exact, rough = embed(model, tracklets), embed(model, tracklets, precision="bf16")
    assert rough.vectors.dtype == np.float32
    a, b = (e.vectors / np.linalg.norm(e.vectors, axis=1, keepdims=True) for e in (exact, rough))
    assert ((a * b).sum(axis=1) > 0.98).all()
    assert not np.array_equal(exact.vectors, rough.vectors)


def test_the_model_is_left_in_evaluation_mode_and_its_statistics_alone(
    model: ReIDModel, tracklets: list[Tracklet]
) -> None:
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    model.train()
    embed(model, tracklets)
    assert not model.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_bad_frames_are_counted_once_and_the_first_is_named(
    model: ReIDModel, make_people: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_people(tmp_path, persons=2, cameras=1, tracklets=1, frames=5)
    paths = sorted(root.rglob("*.jpg"))
    for path in (paths[1], paths[7]):
        path.write_bytes(path.read_bytes()[:150])
    people = [Tracklet(tuple(paths[:5]), 1, 1, "a"), Tracklet(tuple(paths[5:]), 2, 1, "b")]
    found = embed(model, people)
    assert np.isfinite(found.vectors).all()
    warnings = [line for line in capsys.readouterr().err.splitlines() if "warning" in line]
    assert warnings == [f"warning: 2 frames could not be read, first {paths[1]}"]
    np.testing.assert_allclose(found.vectors, slow_vectors(model, people, 3), rtol=1e-4, atol=1e-5)
    for path in paths[5:]:
        path.write_bytes(b"")
    with pytest.raises(DatasetError, match="No frame of a tracklet can be read"):
        embed(model, people)


def test_a_label_shows_progress_and_none_does_not(
    model: ReIDModel, tracklets: list[Tracklet], monkeypatch: pytest.MonkeyPatch
) -> None:
    labels: list[str] = []
    monkeypatch.setattr(
        stca.embedding, "progress", lambda items, *, label, total: labels.append(f"{label} {total}") or items
    )
    silent = embed(model, tracklets, batch_size=5, label="")
    assert labels == []
    np.testing.assert_array_equal(silent.vectors, embed(model, tracklets, batch_size=5, label="q").vectors)
    assert labels == ["q 3"]


def test_nothing_cannot_be_embedded(model: ReIDModel) -> None:
    with pytest.raises(DatasetError, match="nothing to embed"):
        embed(model, [])


def test_an_opened_runtime_embeds_part_by_part(model: ReIDModel, tracklets: list[Tracklet]) -> None:
    whole = embed(model, tracklets)
    with open_embedder(model, tracklets, device="cpu") as embedder:
        parts = [embedder.embed(tracklets[i : i + 2], workers=0, label="").vectors for i in (0, 2, 4)]
        with pytest.raises(DatasetError, match="nothing to embed"):
            embedder.embed([])
    np.testing.assert_allclose(np.concatenate(parts), whole.vectors, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("count", [1, 31, 32, 63, 127])
def test_int8_is_calibrated_from_the_first_tracklet_to_the_last(
    model: ReIDModel, tracklets: list[Tracklet], count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = [replace(tracklets[i % 6], key=f"{i}") for i in range(count)]
    chosen: list[Tracklet] = []
    real = stca.embedding.dense_batches
    monkeypatch.setattr(
        stca.embedding,
        "dense_batches",
        lambda some, *args, **kw: chosen.extend(some) or real(some, *args, **kw),
    )
    assert calibration_clips(model, many, 3).shape == (min(count, 32), 3, 32, 16, 3)
    rows = [int(t.key) for t in chosen]
    assert (rows[0], rows[-1]) == (0, count - 1)
    gaps = np.diff(rows)
    assert len(gaps) == 0 or 1 <= gaps.min() <= gaps.max() <= gaps.min() + 1
