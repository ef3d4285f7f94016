"""The network is the official one: same weights, same clips, same answers."""

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from stca.models import STCA, WeightsReport, create_model, load_weights

TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def loaded(official_checkpoint: Path) -> tuple[STCA, WeightsReport]:
    model = create_model("stca", num_ids=625)
    assert isinstance(model, STCA)
    return model.eval(), load_weights(model, official_checkpoint)


@pytest.fixture(scope="module")
def meta_model() -> STCA:
    """The same network without numbers in it."""
    with torch.device("meta"):
        return create_model("stca", num_ids=625).eval()  # type: ignore[return-value]


def assert_close(found: Tensor, expected: np.ndarray) -> None:
    assert found.shape == expected.shape
    error = np.abs(found.numpy() - expected).max() / np.abs(expected).max()
    assert error <= TOLERANCE
    np.testing.assert_allclose(
        found.numpy(), expected, rtol=TOLERANCE, atol=TOLERANCE * np.abs(expected).mean()
    )


@pytest.mark.parametrize("frames", [1, 4, 8])
def test_outputs_and_attention_maps_are_the_official_ones(
    loaded: tuple[STCA, WeightsReport],
    official: ModuleType,
    official_outputs: dict[str, np.ndarray],
    frames: int,
) -> None:
    model, _ = loaded
    clips = official.clip(seed=1000 + frames, batch=2, frames=frames)
    attended = []
    hook = model.attention.register_forward_hook(lambda *call: attended.append(call[2]))
    with torch.inference_mode():
        output = model(clips)
        hook.remove()
        gates = [1 + each.reshape(2, frames, -1) for each in attended[0]]
        if frames == 1:  # once is enough: the way that costs another pass
            spatial, temporal = model.attention_maps(clips)
            assert spatial.shape == temporal.shape == (2, 1, 24, 8)
            assert torch.equal(spatial.flatten(2), gates[0])
            assert torch.equal(temporal.flatten(2), gates[1])
    for name, value in (
        *output._asdict().items(),
        ("one_plus_A_spatial", gates[0]),
        ("one_plus_A_temporal", gates[1]),
    ):
        assert_close(value, official_outputs[f"t{frames}_{name}"])


def test_every_tensor_of_the_official_checkpoint_is_used(
    loaded: tuple[STCA, WeightsReport], official_checkpoint: Path
) -> None:
    model, report = loaded
    assert report.layout == "official STCA"
    assert report.path == official_checkpoint
    assert len(report.used) == len(set(report.used)) == 617
    assert set(report.used) == set(model.state_dict())
    assert report.unused == report.missing == ()


def test_a_bare_state_dict_loads_as_well(
    loaded: tuple[STCA, WeightsReport], official: ModuleType, tmp_path: Path
) -> None:
    model, _ = loaded
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    torch.save(official.official_state_dict(), tmp_path / "bare.pth")
    with torch.no_grad():
        for tensor in model.state_dict().values():
            tensor.zero_()
    load_weights(model, tmp_path / "bare.pth")
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def count(*parts: Iterator[Tensor]) -> int:
    return sum(tensor.numel() for part in parts for tensor in part)


def test_parameters_are_counted_as_in_the_official_network(meta_model: STCA) -> None:
    two, three = meta_model.stream2d, meta_model.stream3d
    to_conv4 = [
        two.get_submodule(name).parameters() for name in ("conv1", "bn1", "layer1", "layer2", "layer3")
    ]
    assert count(meta_model.parameters()) == 41_873_106
    assert count(meta_model.attention.parameters()) == 2_514
    assert count(*to_conv4) == 8_543_296
    assert count(two.get_submodule("layer4").parameters()) == 14_964_736
    assert count(three.parameters()) == 17_078_464
    assert count(meta_model.head.parameters()) == 1_284_096


@pytest.mark.parametrize(
    ("frames", "multiply_adds"), [(1, 12_967_975_424), (4, 35_183_120_384), (8, 67_672_217_600)]
)
def test_multiply_adds_are_counted_as_in_the_official_network(
    meta_model: STCA, frames: int, multiply_adds: int
) -> None:
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        meta_model(torch.empty(1, frames, 3, 384, 128, device="meta"))
    assert counter.get_total_flops() == 2 * multiply_adds
