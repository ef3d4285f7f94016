"""Activations and gates over frames."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from stca import ConfigError, create_model, load_dataset
from stca.analysis import (
    ClipMaps,
    Map,
    activation,
    clip_activation,
    clip_attention,
    clip_maps,
    maps_figure,
    save_figure,
)
from stca.models import ReIDModel
from stca.tracklets import Tracklet


@pytest.fixture
def tracklet(people: Path) -> Tracklet:
    return load_dataset("folder", people).gallery[0]


def small(name: str = "stca_small", size: tuple[int, int] = (64, 32)) -> ReIDModel:
    torch.manual_seed(0)
    return create_model(name, num_ids=2, image_size=size, width=4, layers=(1, 1, 1, 1)).eval()


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.texts]


def test_activation_is_the_length_of_every_places_vector() -> None:
    features = torch.randn(2, 3, 5, 4, 2, generator=torch.Generator().manual_seed(0))
    found = activation(features)
    assert found.shape == (2, 3, 4, 2)
    for b in range(2):
        for t in range(3):
            for i in range(4):
                for j in range(2):
                    slow = sum(float(features[b, t, c, i, j]) ** 2 for c in range(5)) ** 0.5
                    assert float(found[b, t, i, j]) == pytest.approx(slow, rel=1e-5)


def test_activation_of_what_the_network_pools(tracklet: Tracklet) -> None:
    model = small()
    seen = []
    model.get_submodule("stream2d.layer4").register_forward_hook(lambda *given: seen.append(given[-1]))
    found = clip_activation(model, tracklet, clip_len=3)
    assert found.shape == (3, 4, 2)
    np.testing.assert_allclose(found, seen[0].norm(dim=1).numpy(), rtol=1e-5)


@pytest.mark.parametrize("name", ["cnn3d_small", "colour_histogram"])
def test_a_model_without_a_2d_stream_has_no_activation(tracklet: Tracklet, name: str) -> None:
    with pytest.raises(ConfigError, match="2D"):
        clip_activation(create_model(name, num_ids=2, image_size=(64, 32)), tracklet)


def test_two_models_on_one_clip(tracklet: Tracklet) -> None:
    ours, theirs = small(), small("cnn2d_small", size=(96, 32))
    clip = clip_maps({"2D": theirs, "STCA": ours}, tracklet, clip_len=4)
    assert [each.label.replace("\n", " ") for each in clip.maps] == [
        "2D activation",
        "STCA activation",
        "STCA gate $1 + A_S$",
    ]
    assert [each.kind for each in clip.maps] == ["activation", "activation", "gate"]
    assert clip.frames.shape == (4, 96, 32, 3), "of the first model's size"
    np.testing.assert_array_equal(clip.maps[0].values, clip_activation(theirs, tracklet, clip_len=4))
    np.testing.assert_array_equal(clip.maps[1].values, clip_activation(ours, tracklet, clip_len=4))
    np.testing.assert_array_equal(clip.maps[2].values, clip_attention(ours, tracklet, clip_len=4).spatial)


def test_stca_alone_shows_both_gates_and_a_baseline_none(tracklet: Tracklet) -> None:
    assert [each.kind for each in clip_maps({"a": small()}, tracklet).maps] == ["activation", "gate", "gate"]
    assert [each.kind for each in clip_maps({"b": small("cnn2d_small")}, tracklet).maps] == ["activation"]


def test_an_activation_is_shown_in_multiples_of_its_mean_and_a_gate_as_it_is() -> None:
    values = np.array([[[1.0, 2.0], [3.0, 6.0]]])
    shown = Map("a", values, "activation")
    np.testing.assert_allclose(shown.displayed, values / 3)
    assert shown.range_text == "0.33 to 2.00 × mean"
    assert Map("a", 7 * values, "activation").range_text == shown.range_text, (
        "no matter how strong as a whole"
    )
    assert Map("g", values, "gate").range_text == "1.0000 to 6.0000"
    assert not Map("a", 0 * values, "activation").displayed.any()


def a_clip(*, key: str = "k", frames: int = 4, scale: float = 1.0) -> ClipMaps:
    rng = np.random.default_rng(0)
    maps = (
        Map("A\nactivation", scale * rng.random((frames, 3, 2)), "activation"),
        Map("B\nactivation", rng.random((frames, 3, 2)), "activation"),
        Map("B\ngate", 1 + 1e-3 * rng.random((frames, 3, 2)), "gate"),
    )
    return ClipMaps(key, "person 1", rng.integers(0, 255, (frames, 48, 16, 3), dtype=np.uint8), maps)


def test_all_activations_share_one_scale_and_every_gate_has_its_own() -> None:
    figure = maps_figure([a_clip(), a_clip(scale=5)])
    overlays = [axes.images[1] for axes in figure.axes if len(axes.images) == 2]
    assert len(overlays) == 2 * 3 * 4
    by_kind = {
        name: {each.get_clim() for each in overlays if each.get_cmap().name == name}
        for name in ("inferno", "viridis")
    }
    everything = np.concatenate([m.values.ravel() / m.values.mean() for m in 2 * a_clip().maps[:2]])
    (limits,) = by_kind["inferno"]
    assert limits == pytest.approx(tuple(np.percentile(everything, (1, 99))))
    gate = a_clip().maps[2].values
    assert by_kind["viridis"] == {(gate.min(), gate.max())}


def test_crops_keep_their_shape_and_every_second_frame_can_be_left_out() -> None:
    for across in (1, 3):
        figure = maps_figure([a_clip(), a_clip(), a_clip()], across=across, every=2)
        width, height = figure.get_size_inches()
        crops = [axes.get_position() for axes in figure.axes if axes.images]
        crops = [box for box in crops if box.height * height > 0.3]  # the rest are colour bars
        assert len(crops) == 3 * 4 * 2
        for box in crops:
            assert box.height * height / (box.width * width) == pytest.approx(3)
            assert box.x0 >= 0
            assert box.x1 <= 1
    shown = [axes.images[0].get_array() for axes in figure.axes[:2]]
    np.testing.assert_array_equal(shown[1], a_clip().frames[2])


def test_ranges_and_labels_are_written(tmp_path: Path) -> None:
    clip = a_clip(key="some/long/folder/" * 9 + "last")
    figure = maps_figure([clip], title="T", note="N")
    assert all(each.range_text in texts(figure) for each in clip.maps)
    assert {"T", "N", "frames", "A\nactivation", "B\ngate"} <= set(texts(figure))
    assert any(text.endswith("last\nperson 1") for text in texts(figure))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert save_figure(figure, tmp_path / "maps.png").stat().st_size > 3000


def test_a_flat_map_is_drawn(tmp_path: Path) -> None:
    flat = ClipMaps(
        "k", "", np.zeros((2, 32, 16, 3), np.uint8), (Map("a", np.ones((2, 2, 1)), "activation"),)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save_figure(maps_figure([flat]), tmp_path / "flat.png")
