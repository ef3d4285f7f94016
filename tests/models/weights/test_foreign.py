"""Weights from files: ours, foreign ones, and files that are out to do harm."""

import dataclasses
import json
import os
import pickle
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from stca.errors import CheckpointError
from stca.models import STCA, ReIDModel, create_model, load_model, load_weights, save_model
from stca.models.weights.reading import read_state

State = dict[str, Tensor]


# --- state dicts with the names and shapes of published backbones, written down without our classes ---------------


def norm_shapes(name: str, channels: int) -> dict[str, tuple[int, ...]]:
    leaves = ("weight", "bias", "running_mean", "running_var")
    return {**{f"{name}.{leaf}": (channels,) for leaf in leaves}, f"{name}.num_batches_tracked": ()}


def resnet_shapes(
    *,
    width: int = 64,
    layers: tuple[int, ...] = (3, 4, 6, 3),
    ibn: bool = False,
    dims: int = 2,
    classes: int = 1000,
) -> dict[str, tuple[int, ...]]:
    """ResNet with bottlenecks as torchvision, IBN-Net and 3D-ResNets-PyTorch name it."""
    shapes: dict[str, tuple[int, ...]] = {
        "conv1.weight": (width, 3, *[7] * dims),
        **norm_shapes("bn1", width),
    }
    inputs = width
    for stage, blocks in enumerate(layers, start=1):
        inner = width * 2 ** (stage - 1)
        for block in range(blocks):
            place = f"layer{stage}.{block}"
            shapes[f"{place}.conv1.weight"] = (inner, inputs, *[1] * dims)
            if ibn and stage < 4:
                half = inner // 2
                shapes |= {f"{place}.bn1.IN.weight": (half,), f"{place}.bn1.IN.bias": (half,)}
                shapes |= norm_shapes(f"{place}.bn1.BN", inner - half)
            else:
                shapes |= norm_shapes(f"{place}.bn1", inner)
            shapes[f"{place}.conv2.weight"] = (inner, inner, *[3] * dims)
            shapes[f"{place}.conv3.weight"] = (4 * inner, inner, *[1] * dims)
            shapes |= norm_shapes(f"{place}.bn2", inner) | norm_shapes(f"{place}.bn3", 4 * inner)
            if block == 0:
                shapes[f"{place}.downsample.0.weight"] = (4 * inner, inputs, *[1] * dims)
                shapes |= norm_shapes(f"{place}.downsample.1", 4 * inner)
            inputs = 4 * inner
    return shapes | {"fc.weight": (classes, inputs), "fc.bias": (classes,)}


def filled(shapes: Mapping[str, tuple[int, ...]], seed: int = 1) -> State:
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.rand(shape, generator=generator) if shape else torch.tensor(7)
        for name, shape in shapes.items()
    }


SMALL: dict[str, Any] = {"width": 4, "layers": (1, 1, 1, 1)}


def parameters(shapes: Mapping[str, tuple[int, ...]], *stages: str) -> int:
    learnt = {k: v for k, v in shapes.items() if k.split(".")[-1] in ("weight", "bias")}
    return sum(int(np.prod(v)) for k, v in learnt.items() if not stages or k.startswith(stages))


def test_the_written_down_shapes_are_those_of_the_published_backbones() -> None:
    assert parameters(resnet_shapes()) == 25_557_032  # torchvision's resnet50
    assert parameters(resnet_shapes(dims=3), "conv1", "bn1", "layer1", "layer2", "layer3") == 17_078_464


def snapshot(model: nn.Module) -> State:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def changed(model: nn.Module, before: State) -> set[str]:
    return {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])}


# --- backbones ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrapper", [None, "state_dict", "model"])
def test_an_ibn_backbone_fills_the_2d_stream_and_nothing_else(
    tiny: Callable[..., STCA], tmp_path: Path, wrapper: str | None
) -> None:
    model, state = tiny(), filled(resnet_shapes(ibn=True, **SMALL))
    before = snapshot(model)
    inner = OrderedDict((f"module.{k}", v) for k, v in state.items())
    torch.save({wrapper: inner, "epoch": 90} if wrapper else inner, tmp_path / "resnet50_ibn_a.pth")
    report = load_weights(model, tmp_path / "resnet50_ibn_a.pth")
    assert report.layout == "ImageNet ResNet"
    assert set(report.unused) == {"fc.weight", "fc.bias"}, "by the file's own names"
    assert set(report.used) == {k for k in before if k.startswith("stream2d.")}
    assert set(report.missing) == {k for k in before if not k.startswith("stream2d.")}
    assert changed(model, before) <= set(report.used)
    own = model.state_dict()
    assert all(torch.equal(own[f"stream2d.{k}"], v) for k, v in state.items() if not k.startswith("fc."))


def test_a_plain_backbone_shares_its_norms_out_to_both_halves(
    tiny: Callable[..., STCA], tmp_path: Path
) -> None:
    model, state = tiny(), filled(resnet_shapes(**SMALL))
    torch.save(state, tmp_path / "resnet50.pth")
    report = load_weights(model, tmp_path / "resnet50.pth")
    own = model.state_dict()
    assert {k for k in own if k.startswith("stream2d.")} == set(report.used)
    for leaf in ("weight", "bias"):
        norm = state[f"layer2.0.bn1.{leaf}"]
        assert torch.equal(own[f"stream2d.layer2.0.bn1.IN.{leaf}"], norm[:4])
        assert torch.equal(own[f"stream2d.layer2.0.bn1.BN.{leaf}"], norm[4:])
    assert torch.equal(own["stream2d.layer2.0.bn1.BN.running_var"], state["layer2.0.bn1.running_var"][4:])
    assert own["stream2d.layer2.0.bn1.BN.num_batches_tracked"] == 7
    assert torch.equal(own["stream2d.layer4.0.bn1.weight"], state["layer4.0.bn1.weight"])


def test_a_plain_backbone_fills_a_plain_stream(tiny: Callable[..., STCA], tmp_path: Path) -> None:
    model, state = tiny(backbone2d="resnet50"), filled(resnet_shapes(**SMALL))
    torch.save(state, tmp_path / "resnet50.pth")
    report = load_weights(model, tmp_path / "resnet50.pth")
    assert len(report.used) == len(state) - 2
    assert torch.equal(model.state_dict()["stream2d.layer1.0.bn1.weight"], state["layer1.0.bn1.weight"])


def test_a_kinetics_backbone_fills_the_3d_stream(tiny: Callable[..., STCA], tmp_path: Path) -> None:
    model, state = tiny(stem_frames=7), filled(resnet_shapes(dims=3, classes=400, **SMALL))
    before = snapshot(model)
    content = {"arch": "resnet-50", "epoch": 200, "state_dict": {f"module.{k}": v for k, v in state.items()}}
    torch.save(content, tmp_path / "r3d50_K_200ep.pth")
    report = load_weights(model, tmp_path / "r3d50_K_200ep.pth")
    assert report.layout == "Kinetics ResNet3D"
    assert set(report.used) == {k for k in before if k.startswith("stream3d.")}
    assert set(report.unused) == {k for k in state if k.startswith(("layer4.", "fc."))}
    assert changed(model, before) <= set(report.used)
    own = model.state_dict()
    assert torch.equal(own["stream3d.layer3.0.conv2.weight"], state["layer3.0.conv2.weight"])


@pytest.mark.parametrize(("ibn", "stem_frames"), [(True, 7), (False, 7), (False, 3)])
def test_inflation_fills_both_streams(
    tiny: Callable[..., STCA], tmp_path: Path, ibn: bool, stem_frames: int
) -> None:
    model, state = tiny(stem_frames=stem_frames), filled(resnet_shapes(ibn=ibn, **SMALL))
    torch.save(state, tmp_path / "imagenet.pth")
    report = load_weights(model, tmp_path / "imagenet.pth", inflate=True)
    assert any(name.startswith("stream3d.layer3.") for name in report.used)
    flat, deep = state["layer2.0.conv2.weight"], model.state_dict()["stream3d.layer2.0.conv2.weight"]
    torch.testing.assert_close(deep.sum(dim=2), flat)
    assert all(torch.equal(deep[:, :, t], deep[:, :, 0]) for t in range(3))
    stem = model.state_dict()["stream3d.conv1.weight"]
    torch.testing.assert_close(stem, state["conv1.weight"][:, :, None].expand_as(stem) / stem_frames)
    missing_in_3d = {n for n in report.missing if n.startswith("stream3d.")}
    assert all(".bn1." in name for name in missing_in_3d)
    assert bool(missing_in_3d) == ibn  # an instance norm has no place in the 3D stream


def test_a_still_clip_through_inflated_convolutions_gives_what_the_image_gave(
    tiny: Callable[..., STCA], tmp_path: Path
) -> None:
    model, state = tiny(backbone2d="resnet50", stem_frames=7), filled(resnet_shapes(**SMALL))
    torch.save(state, tmp_path / "imagenet.pth")
    load_weights(model, tmp_path / "imagenet.pth", inflate=True)
    image = torch.randn(1, 3, 32, 16)
    still = image[:, :, None].expand(-1, -1, 33, -1, -1)
    two, three = model.stream2d, model.stream3d
    with torch.inference_mode():
        x, y = two.stem(image), three.maxpool(three.relu(three.bn1(three.conv1(still))))
        for stage in ("layer1", "layer2", "layer3"):
            x, y = two.get_submodule(stage)(x), three.get_submodule(stage)(y)
            middle = y[:, :, y.shape[2] // 2]  # far from the first and last frame, where the padding is
            torch.testing.assert_close(middle, x, rtol=1e-4, atol=1e-4)


def test_ours_prints_what_became_of_the_tensors(tiny: Callable[..., STCA], tmp_path: Path) -> None:
    torch.save(filled(resnet_shapes(ibn=True, **SMALL)), tmp_path / "backbone.pth")
    model = tiny()
    report = load_weights(model, tmp_path / "backbone.pth")
    first, second, third = str(report).splitlines()
    used, missing = len(report.used), len(report.missing)
    assert (
        first
        == f"backbone.pth: ImageNet ResNet weights, {used} tensors used, 2 of the file not used, {missing} of the model not in it"
    )
    assert second == "  not used: fc.weight, fc.bias"
    assert third.startswith("  not in the file: stream3d.conv1.weight, ")
    assert third.endswith(f", and {missing - 6} more")


# --- ours ---------------------------------------------------------------------------------------------------------


def test_a_saved_model_comes_back_bit_by_bit_with_its_options(
    tiny: Callable[..., STCA], tmp_path: Path
) -> None:
    model = tiny(
        num_ids=7,
        gate="conv3_x",
        fusion="sum",
        backbone2d="resnet50",
        temperature=0.1,
        layers=(1, 2, 1, 1),
        clip_len=6,
    )
    save_model(model, tmp_path / "deep" / "model.safetensors")
    back = load_model(tmp_path / "deep" / "model.safetensors")
    assert isinstance(back, STCA)
    assert back.spec == model.spec
    assert back.spec.options["layers"] == (1, 2, 1, 1)
    assert (back.clip_len, back.image_size, back.fusion, back.stage) == (6, (32, 16), "sum", 2)
    assert not back.training
    theirs = back.state_dict()
    assert list(theirs) == list(model.state_dict())
    assert all(torch.equal(theirs[name], tensor) for name, tensor in model.state_dict().items())
    clips = torch.randn(2, 3, 3, 32, 16)
    with torch.inference_mode():
        assert torch.equal(back(clips).embedding, model(clips).embedding)


def test_a_clip_length_that_changed_is_kept(tiny: Callable[..., STCA], tmp_path: Path) -> None:
    model = tiny(clip_len=2)
    model.clip_len = 5
    save_model(model, tmp_path / "m.safetensors")
    assert load_model(tmp_path / "m.safetensors").clip_len == 5


def test_a_model_without_weights_can_be_saved_too(tmp_path: Path) -> None:
    save_model(create_model("colour_histogram", num_ids=0, bins=4), tmp_path / "m.safetensors")
    assert load_model(tmp_path / "m.safetensors").embedding_dim == 6 * 4**3


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_our_weights_load_from_either_kind_of_file(
    tiny: Callable[..., STCA], tmp_path: Path, suffix: str
) -> None:
    model, other, path = tiny(), tiny(), tmp_path / f"weights{suffix}"
    if suffix == ".pth":
        torch.save(model.state_dict(), path)
    else:
        save_model(model, path)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.add_(1)
    report = load_weights(other, path)
    assert report.layout == "stca"
    assert report.unused == report.missing == ()
    assert not changed(other, snapshot(model))


@pytest.mark.parametrize("official_layout", [False, True])
def test_a_classifier_of_other_identities_is_left_out_and_reported(
    tiny: Callable[..., STCA], tmp_path: Path, official_layout: bool
) -> None:
    source, model = tiny(num_ids=9), tiny(num_ids=5)
    with torch.no_grad():
        for parameter in source.parameters():
            parameter.add_(1)
    state = to_official(source.state_dict()) if official_layout else source.state_dict()
    torch.save(state, tmp_path / "w.pth")
    before = snapshot(model)
    report = load_weights(model, tmp_path / "w.pth")
    assert report.layout == ("official STCA" if official_layout else "stca")
    assert report.unused == ("fc.classifier.weight" if official_layout else "head.classifier.weight",)
    assert report.missing == ("head.classifier.weight",)
    assert "head.classifier.weight" not in changed(model, before)
    own, theirs = model.state_dict(), source.state_dict()
    assert all(torch.equal(own[name], theirs[name]) for name in report.used)


def to_official(state: Mapping[str, Tensor]) -> State:
    """Our names and shapes as the official code has them."""
    places = {
        "stream2d.conv1.": "base_a1.0.",
        "stream2d.bn1.": "base_a1.1.",
        "stream2d.layer1.": "base_a1.4.",
        "stream2d.layer2.": "base_a1.5.",
        "stream2d.layer3.": "base_a1.6.",
        "stream2d.layer4.": "base_a2.0.",
        "attention.squeeze.": "attention.conv1.conv.",
        "attention.norm.": "attention.conv1.bn.",
        "attention.expand.": "attention.conv2.",
        "head.norm.": "fc.bn.",
        "head.classifier.": "fc.classifier.",
        "stream3d.": "",
    }
    renamed = {}
    for name, tensor in state.items():
        ours = next(each for each in places if name.startswith(each))
        if name in ("attention.squeeze.weight", "attention.expand.weight"):
            tensor = tensor[..., None, None]  # 1x1 convolutions there
        renamed[places[ours] + name.removeprefix(ours)] = tensor
    return renamed


def test_the_official_names_are_those_of_the_official_checkpoint(tiny: Callable[..., STCA]) -> None:
    shapes = json.loads(
        (Path(__file__).parents[2] / "data/parity/official_state_dict_shapes.json").read_text()
    )
    with torch.device("meta"):
        ours = to_official(create_model("stca", num_ids=625).state_dict())
    assert {name: list(tensor.shape) for name, tensor in ours.items()} == shapes


# --- weights that do not fit ---------------------------------------------------------------------------------------


def refuse(model: ReIDModel, path: Path, **options: bool) -> CheckpointError:
    before = snapshot(model)
    with pytest.raises(CheckpointError) as caught:
        load_weights(model, path, **options)
    assert not changed(model, before), "a model must stay as it was when its weights fail"
    assert path.name in str(caught.value)
    return caught.value


@pytest.mark.parametrize("official_layout", [False, True])
def test_weights_for_another_image_size_name_the_size(
    tiny: Callable[..., STCA], tmp_path: Path, official_layout: bool
) -> None:
    state = tiny(image_size=(64, 32)).state_dict()
    torch.save(to_official(state) if official_layout else state, tmp_path / "w.pth")
    error = refuse(tiny(image_size=(32, 16)), tmp_path / "w.pth")
    assert "another image size" in error.what
    assert "2 positions, as 32x16 has" in str(error.expected)
    assert "for 8" in str(error.found)
    assert "image_size" in str(error.hint)


def test_weights_of_another_network_name_the_first_tensor_that_does_not_fit(
    tiny: Callable[..., STCA], tmp_path: Path
) -> None:
    save_model(tiny(width=8), tmp_path / "wide.safetensors")
    error = refuse(tiny(), tmp_path / "wide.safetensors")
    assert "another network" in error.what
    assert (str(error.expected), str(error.found)) == ("head.norm.bias of shape (128,)", "(256,)")


def test_a_checkpoint_with_a_part_missing_does_not_fill_the_model(
    tiny: Callable[..., STCA], tmp_path: Path
) -> None:
    state = {k: v for k, v in tiny().state_dict().items() if not k.startswith("stream3d.")}
    torch.save(state, tmp_path / "half.pth")
    assert "stream3d.conv1.weight" in str(refuse(tiny(), tmp_path / "half.pth").found)
    shallow, deep = tiny(layers=(1, 1, 1, 1)), tiny(layers=(1, 1, 2, 1))
    save_model(shallow, tmp_path / "shallow.safetensors")
    assert "stream2d.layer3.1.conv1.weight" in str(refuse(deep, tmp_path / "shallow.safetensors").found)


def test_a_backbone_of_another_width_is_refused(tiny: Callable[..., STCA], tmp_path: Path) -> None:
    torch.save(filled(resnet_shapes(width=8, layers=(1, 1, 1, 1))), tmp_path / "wide.pth")
    refuse(tiny(), tmp_path / "wide.pth")
    refuse(tiny(), tmp_path / "wide.pth", inflate=True)


def test_a_kinetics_backbone_does_not_fit_a_shorter_stem(tiny: Callable[..., STCA], tmp_path: Path) -> None:
    torch.save(filled(resnet_shapes(dims=3, **SMALL)), tmp_path / "kinetics.pth")
    error = refuse(tiny(stem_frames=3), tmp_path / "kinetics.pth")
    assert "stream3d.conv1.weight of shape (4, 3, 3, 7, 7)" in str(error.expected)


def test_a_backbone_is_nothing_to_a_model_without_streams(tmp_path: Path) -> None:
    torch.save(filled(resnet_shapes(**SMALL)), tmp_path / "resnet.pth")
    refuse(create_model("colour_histogram", num_ids=0), tmp_path / "resnet.pth")


def test_tensors_of_an_unknown_layout_are_listed(tiny: Callable[..., STCA], tmp_path: Path) -> None:
    torch.save({"encoder.weight": torch.zeros(3), "encoder.bias": torch.zeros(3)}, tmp_path / "other.pth")
    error = refuse(tiny(), tmp_path / "other.pth")
    assert "no layout that is known" in error.what
    assert "encoder.weight, encoder.bias" in str(error.found)


# --- files that are no weights --------------------------------------------------------------------------------------


def torch_bytes(content: object, path: Path, **options: bool) -> bytes:
    torch.save(content, path, **options)
    return path.read_bytes()


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".safetensors", ".pth.tar"])
def test_a_file_that_is_no_checkpoint_is_a_clear_error(
    tiny: Callable[..., STCA], tmp_path: Path, suffix: str
) -> None:
    model, path = tiny(), tmp_path / f"weights{suffix}"
    save_model(model, tmp_path / "whole.safetensors")
    whole = (tmp_path / "whole.safetensors").read_bytes()
    zipped = torch_bytes(model.state_dict(), tmp_path / "x")
    old = torch_bytes(model.state_dict(), tmp_path / "x", _use_new_zipfile_serialization=False)
    contents = {
        "empty": b"",
        "json": b'{"state_dict": {"a": [1, 2]}}',
        "text": b"<html>404 not found</html>",
        "zeros": bytes(4096),
        "truncated zip": zipped[: len(zipped) // 2],
        "truncated old kind": old[: len(old) // 2],
        "truncated safetensors": whole[: len(whole) // 2],
        "header only": whole[:20],
        "list": torch_bytes([torch.zeros(3)], tmp_path / "x"),
        "tensor": torch_bytes(torch.zeros(3), tmp_path / "x"),
        "no tensors": torch_bytes({"state_dict": {"epoch": 3}}, tmp_path / "x"),
        "empty dict": torch_bytes({}, tmp_path / "x"),
        "plain pickle": pickle.dumps({"a": 1}),
    }
    for content in contents.values():
        path.write_bytes(content)
        refuse(model, path)
    path.unlink()
    assert "no checkpoint" in refuse(model, path).what
    path.mkdir()
    refuse(model, path)


class Evil:
    """Unpickling it makes a file, by a shell."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch '{self.marker}'",)


class EvilScalar:
    """A numpy scalar of object type: numpy itself would unpickle what is in it."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        scalar = np.float64(0).__reduce__()[0]
        return scalar, (np.dtype("O"), pickle.dumps(Evil(self.marker)))


@pytest.mark.parametrize("kind", [Evil, EvilScalar])
@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_checkpoint_never_runs(
    tiny: Callable[..., STCA], tmp_path: Path, kind: type[Evil | EvilScalar], zipped: bool
) -> None:
    model, path, marker = tiny(), tmp_path / "evil.pth", tmp_path / "ran"
    for content in (
        {"state_dict": model.state_dict(), "rank1": kind(marker)},
        {"state_dict": kind(marker)},
        {**model.state_dict(), "x": [{"deep": kind(marker)}]},
        kind(marker),
    ):
        torch.save(content, path, _use_new_zipfile_serialization=zipped)
        refuse(model, path)
        assert not marker.exists()
    with path.open("wb") as file:
        pickle.dump(kind(marker), file)
    refuse(model, path)
    assert not marker.exists()
    if kind is Evil:  # the same file does run its code where it is not read with care
        with path.open("rb") as file:
            pickle.load(file)
        assert marker.exists()


@pytest.mark.parametrize(
    "scalar", [np.float64(0.5), np.float32(0.5), np.int64(3), np.bool_(True), np.uint8(7), np.complex64(1j)]
)
def test_numpy_scalars_beside_the_weights_are_read(
    tiny: Callable[..., STCA], tmp_path: Path, scalar: Any
) -> None:
    model = tiny()
    torch.save({"state_dict": model.state_dict(), "value": scalar}, tmp_path / "w.pth")
    assert set(read_state(tmp_path / "w.pth")) == set(model.state_dict())


@pytest.mark.parametrize(
    "scalar", [np.str_("x"), np.bytes_(b"x"), np.datetime64("2020-01-01"), np.void(b"xy")]
)
def test_other_numpy_scalars_are_refused(tiny: Callable[..., STCA], tmp_path: Path, scalar: Any) -> None:
    torch.save({"state_dict": tiny().state_dict(), "value": scalar}, tmp_path / "w.pth")
    refuse(tiny(), tmp_path / "w.pth")


def contiguous(model: nn.Module) -> State:
    return {name: tensor.contiguous() for name, tensor in model.state_dict().items()}


# --- load_model ----------------------------------------------------------------------------------------------------


SPEC = {"name": "stca_small", "num_ids": 5, "image_size": [32, 16], "options": {"width": 4}, "clip_len": 2}


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        {},
        {"stca": "no json"},
        {"stca": "[]"},
        {"stca": "{}"},
        *({"stca": json.dumps({k: v for k, v in SPEC.items() if k != key})} for key in SPEC),
        {"stca": json.dumps({**SPEC, "options": 3})},
        {"stca": json.dumps({**SPEC, "image_size": None})},
        {"stca": json.dumps({**SPEC, "name": "no_such_model"})},
        {"stca": json.dumps({**SPEC, "options": {"no_such_option": 1}})},
        {"stca": json.dumps({**SPEC, "options": {"width": "wide"}})},
        {"stca": json.dumps({**SPEC, "image_size": [33, 16]})},
    ],
)
@pytest.mark.usefixtures("as_users_run_it")
def test_a_file_that_does_not_say_how_to_build_the_model_is_a_clear_error(
    tiny: Callable[..., STCA], tmp_path: Path, metadata: dict[str, str] | None
) -> None:
    path = tmp_path / "m.safetensors"
    save_file(contiguous(tiny()), path, metadata=metadata)
    with pytest.raises(CheckpointError, match=r"m\.safetensors"):
        load_model(path)


def test_the_metadata_above_is_right_but_for_what_is_broken(
    tiny: Callable[..., STCA], tmp_path: Path
) -> None:
    save_file(contiguous(tiny()), tmp_path / "m.safetensors", metadata={"stca": json.dumps(SPEC)})
    assert dataclasses.asdict(load_model(tmp_path / "m.safetensors").spec) == {
        **{k: v for k, v in SPEC.items() if k != "clip_len"},
        "image_size": (32, 16),
    }


@pytest.mark.parametrize("content", [b"", b"text", bytes(1000)])
def test_load_model_on_no_model_is_a_clear_error(tmp_path: Path, content: bytes) -> None:
    for path in (tmp_path / "missing.safetensors", tmp_path):
        with pytest.raises(CheckpointError, match="There is no model"):
            load_model(path)
    (tmp_path / "m.safetensors").write_bytes(content)
    with pytest.raises(CheckpointError, match="no model of ours"):
        load_model(tmp_path / "m.safetensors")


@pytest.mark.parametrize(
    ("name", "options"),
    [("os:system", {}), ("os:system", {"command": "true"}), ("builtins:dict", {}), ("time:sleep", {})],
)
def test_a_model_file_cannot_have_any_function_called(
    tiny: Callable[..., STCA], tmp_path: Path, name: str, options: dict[str, str]
) -> None:
    spec = {**SPEC, "name": name, "options": options}
    save_file(contiguous(tiny()), tmp_path / "m.safetensors", metadata={"stca": json.dumps(spec)})
    with pytest.raises(CheckpointError, match=r"no option|no signature"):
        load_model(tmp_path / "m.safetensors")
