"""Checkpoints of other projects' networks, against the networks written down once more as plain functions."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from stca.errors import CheckpointError
from stca.models import load_model, load_reid_checkpoint, save_model
from stca.runs import open_model

State = dict[str, Tensor]
SIZE = (64, 32)


class Made:
    """A forward pass over a state dict that makes the tensors it asks for, by their names in the file."""

    def __init__(self, seed: int = 0) -> None:
        self.state: State = {}
        self.generator = torch.Generator().manual_seed(seed)

    def tensor(self, name: str, *shape: int, low: float = -0.2, high: float = 0.2) -> Tensor:
        if name not in self.state:
            self.state[name] = torch.rand(shape, generator=self.generator) * (high - low) + low
        return self.state[name]

    def conv(
        self, name: str, x: Tensor, out: int, kernel: int = 1, *, bias: bool = False, **more: Any
    ) -> Tensor:
        inner = x.shape[1] // more.get("groups", 1)
        bound = 1.7 / (inner * kernel * kernel) ** 0.5
        weight = self.tensor(f"{name}.weight", out, inner, kernel, kernel, low=-bound, high=bound)
        return F.conv2d(
            x, weight, self.tensor(f"{name}.bias", out) if bias else None, padding=kernel // 2, **more
        )

    def norm(self, name: str, x: Tensor) -> Tensor:
        size = x.shape[1]
        mean, var = (
            self.tensor(f"{name}.running_mean", size),
            self.tensor(f"{name}.running_var", size, low=0.5, high=1),
        )
        self.state.setdefault(f"{name}.num_batches_tracked", torch.tensor(3))
        return F.batch_norm(x, mean, var, *self.affine(name, size))

    def affine(self, name: str, size: int) -> tuple[Tensor, Tensor]:
        return self.tensor(f"{name}.weight", size, low=0.8, high=1.2), self.tensor(f"{name}.bias", size)

    def instance(self, name: str, x: Tensor) -> Tensor:
        return F.instance_norm(x, None, None, *self.affine(name, x.shape[1]))


def osnet(made: Made, x: Tensor, *, channels: tuple[int, ...], kind: str = "") -> Tensor:
    """torchreid's OSNet by its parameters' names; kind "", "ibn" or "ain"."""

    def conv1x1(name: str, x: Tensor, out: int) -> Tensor:
        return F.relu(made.norm(f"{name}.bn", made.conv(f"{name}.conv", x, out)))

    def light(name: str, x: Tensor) -> Tensor:
        x = made.conv(
            f"{name}.conv2", made.conv(f"{name}.conv1", x, x.shape[1]), x.shape[1], 3, groups=x.shape[1]
        )
        return F.relu(made.norm(f"{name}.bn", x))

    def gate(name: str, x: Tensor) -> Tensor:
        weight = F.adaptive_avg_pool2d(x, 1)
        weight = F.relu(made.conv(f"{name}.fc1", weight, x.shape[1] // 16, bias=True))
        return x * torch.sigmoid(made.conv(f"{name}.fc2", weight, x.shape[1], bias=True))

    def block(name: str, x: Tensor, out: int, number: int) -> Tensor:
        reduced = conv1x1(f"{name}.conv1", x, out // 4)
        total = torch.zeros(())
        for depth in range(4):
            stream = reduced
            for layer in range(depth + 1):
                if kind == "ain":
                    place = f"conv2.{depth}.layers.{layer}"
                else:
                    place = f"conv2{'abcd'[depth]}" + (f".{layer}" if depth else "")
                stream = light(f"{name}.{place}", stream)
            total = total + gate(f"{name}.gate", stream)
        residual = made.conv(f"{name}.conv3.conv", total, out)
        inside = kind == "ain" and number in (0, 1, 3, 4)
        residual = (
            made.instance(f"{name}.IN", residual) if inside else made.norm(f"{name}.conv3.bn", residual)
        )
        if x.shape[1] != out:
            x = made.norm(f"{name}.downsample.bn", made.conv(f"{name}.downsample.conv", x, out))
        x = residual + x
        return F.relu(made.instance(f"{name}.IN", x) if kind == "ibn" and number < 2 else x)

    stem = made.conv("conv1.conv", x, channels[0], 7, stride=2)
    x = F.relu(made.instance("conv1.bn", stem) if kind else made.norm("conv1.bn", stem))
    x = F.max_pool2d(x, 3, 2, 1)
    for stage, out in enumerate(channels[1:]):
        for number in range(2):
            x = block(f"conv{stage + 2}.{number}", x, out, 2 * stage + number)
        if stage < 2:
            transition = f"pool{stage + 2}.0" if kind == "ain" else f"conv{stage + 2}.2.0"
            x = F.avg_pool2d(conv1x1(transition, x, out), 2)
    x = conv1x1("conv5", x, channels[-1]).mean(dim=(2, 3))
    x = F.linear(x, made.tensor("fc.0.weight", 512, channels[-1]), made.tensor("fc.0.bias", 512))
    return F.relu(made.norm("fc.1", x))


def trunk(
    made: Made, prefix: str, x: Tensor, *, ibn: bool, relu: bool, padded: bool, non_local: bool
) -> Tensor:
    """ResNet-50 with last stride 1."""

    def first_norm(name: str, x: Tensor, stage: int) -> Tensor:
        if not ibn or stage == 4:
            return made.norm(name, x)
        half = x.shape[1] // 2
        return torch.cat((made.instance(f"{name}.IN", x[:, :half]), made.norm(f"{name}.BN", x[:, half:])), 1)

    def attend(name: str, x: Tensor) -> Tensor:
        theta, phi, g = (
            made.conv(f"{name}.{part}", x, 1, bias=True).flatten(2) for part in ("theta", "phi", "g")
        )
        mixed = torch.einsum("nci,ncj,ndj->ndi", theta, phi, g) / g.shape[2]
        mixed = mixed.reshape(len(x), 1, *x.shape[2:])
        return made.norm(f"{name}.W.1", made.conv(f"{name}.W.0", mixed, x.shape[1], bias=True)) + x

    x = made.norm(f"{prefix}.bn1", made.conv(f"{prefix}.conv1", x, 64, 7, stride=2))
    x = F.relu(x) if relu else x
    x = F.max_pool2d(x, 3, 2, 1) if padded else F.max_pool2d(x, 3, 2, ceil_mode=True)
    for stage, (blocks, width) in enumerate(((3, 64), (4, 128), (6, 256), (3, 512)), start=1):
        for number in range(blocks):
            name, stride = f"{prefix}.layer{stage}.{number}", 2 if stage in (2, 3) and number == 0 else 1
            y = F.relu(first_norm(f"{name}.bn1", made.conv(f"{name}.conv1", x, width), stage))
            y = F.relu(made.norm(f"{name}.bn2", made.conv(f"{name}.conv2", y, width, 3, stride=stride)))
            y = made.norm(f"{name}.bn3", made.conv(f"{name}.conv3", y, 4 * width))
            if number == 0:
                x = made.norm(
                    f"{name}.downsample.1", made.conv(f"{name}.downsample.0", x, 4 * width, stride=stride)
                )
            x = F.relu(y + x)
            first = {2: 2, 3: 3}.get(stage, 9)
            if non_local and number >= first:
                x = attend(f"{prefix}.NL_{stage}.{number - first}", x)
    return x


def strong_baseline(made: Made, x: Tensor, *, ibn: bool) -> Tensor:
    x = trunk(made, "base", x, ibn=ibn, relu=ibn, padded=True, non_local=False)
    made.tensor("classifier.weight", 751, 2048)
    return made.norm("bottleneck", x.mean(dim=(2, 3)))


def fastreid(
    made: Made, x: Tensor, *, ibn: bool, sbs: bool = False, dim: int = 0, old: bool = False
) -> Tensor:
    x = trunk(made, "backbone", x, ibn=ibn, relu=True, padded=False, non_local=sbs)
    made.tensor("heads.classifier.weight" if old else "heads.weight", 751, dim or 2048)
    if sbs:
        p = made.tensor("heads.pool_layer.p", 1, low=2, high=3)
        x = x.clamp(min=1e-6).pow(p).mean(dim=(2, 3), keepdim=True).pow(1 / p)
    else:
        x = x.mean(dim=(2, 3), keepdim=True)
    if dim:
        x = made.conv("heads.bottleneck.0", x, dim)
    return made.norm("heads.bnneck" if old else f"heads.bottleneck.{int(dim > 0)}", x).flatten(1)


NARROW = (16, 64, 96, 128)
NETWORKS: dict[str, tuple[Callable[..., Tensor], dict[str, Any]]] = {
    "osnet_x0_25": (osnet, {"channels": NARROW}),
    "osnet_x0_5": (osnet, {"channels": (32, 128, 192, 256)}),
    "osnet_x0_75": (osnet, {"channels": (48, 192, 288, 384)}),
    "osnet_x1_0": (osnet, {"channels": (64, 256, 384, 512)}),
    "osnet_ibn_x1_0": (osnet, {"channels": (64, 256, 384, 512), "kind": "ibn"}),
    "osnet_ain_x0_25": (osnet, {"channels": NARROW, "kind": "ain"}),
    "osnet_ain_x1_0": (osnet, {"channels": (64, 256, 384, 512), "kind": "ain"}),
    "strong_baseline_resnet50": (strong_baseline, {"ibn": False}),
    "strong_baseline_resnet50_ibn_a": (strong_baseline, {"ibn": True}),
    "fastreid_resnet50": (fastreid, {"ibn": False}),
    "fastreid_resnet50_ibn_a": (fastreid, {"ibn": True, "sbs": True}),
    "fastreid_resnet50_ibn_a reduced": (fastreid, {"ibn": True, "dim": 256}),
    "fastreid_resnet50 of old": (fastreid, {"ibn": False, "old": True}),
}


def made_network(name: str) -> tuple[State, Tensor, Tensor]:
    """A state dict, two images, and their vectors by the functions above, in float64."""
    network, options = NETWORKS[name]
    made = Made()
    images = torch.randn(2, 3, *SIZE, generator=torch.Generator().manual_seed(1))
    network(made, images, **options)
    exact = Made()
    exact.state = {key: value.double() for key, value in made.state.items()}
    return made.state, images, network(exact, images.double(), **options)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_checkpoint_gives_the_vectors_of_its_own_code(tmp_path: Path, name: str) -> None:
    state, images, wanted = made_network(name)
    torch.save(state, tmp_path / "net.pth")
    model, report = load_reid_checkpoint(tmp_path / "net.pth", image_size=SIZE)
    assert model.spec.options["architecture"] == name.split()[0]
    with torch.inference_mode():
        found = model.double().network(images.double())
    spread = float((wanted[0] - wanted[1]).abs().max())
    assert spread > 1e-3, "or every picture would have the same vector, whatever the network does"
    assert float((found - wanted).abs().max()) < 1e-6 * spread
    assert set(report.unused) == {key for key in state if "classifier" in key or key == "heads.weight"}


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: {"state_dict": {f"module.{key}": value for key, value in state.items()}, "epoch": 60},
        lambda state: {"model": {f"_orig_mod.{key}": value for key, value in state.items()}},
        lambda state: {"state_dict": {f"model._orig_mod.module.{key}": v for key, v in state.items()}},
        lambda state: {f"backbone.{key}": value for key, value in state.items()},
    ],
    ids=["DataParallel", "compiled", "Lightning", "backbone"],
)
def test_wrappers_and_prefixes_are_taken_off(tmp_path: Path, wrap: Callable[[State], Any]) -> None:
    state, images, wanted = made_network("osnet_x0_25")
    state["classifier.weight"] = torch.zeros(9, 512)
    torch.save(wrap(state), tmp_path / "net.pth.tar")
    model, report = load_reid_checkpoint(tmp_path / "net.pth.tar", image_size=SIZE)
    with torch.inference_mode():
        torch.testing.assert_close(model.network(images), wanted.float(), rtol=1e-3, atol=1e-3)
    assert report.unused == ("classifier.weight",)
    assert "classifier.weight" in str(report)


def test_a_checkpoint_opens_by_its_name_and_comes_back_from_our_own_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state, _, _ = made_network("osnet_x0_25")
    torch.save(state, tmp_path / "osnet_x0_25_msmt17.pth")
    model = open_model(str(tmp_path / "osnet_x0_25_msmt17.pth"))
    assert (model.image_size, model.embedding_dim) == ((256, 128), 512)
    assert "torchreid osnet_x0_25" in capsys.readouterr().err
    save_model(model, tmp_path / "ours.safetensors")
    again = load_model(tmp_path / "ours.safetensors")
    clips = torch.randn(1, 2, 3, 256, 128)
    with torch.inference_mode():
        one, both = (model(clips[:, [frame]]).embedding for frame in (0, 1)), model(clips).embedding
        torch.testing.assert_close(both, sum(one) / 2)
        assert torch.equal(again(clips).embedding, both)
    torch.testing.assert_close(again(clips[:, :1]).embedding.norm(), torch.tensor(1.0))


def test_osnet_gives_what_the_published_onnx_file_gives(shared: Path, tmp_path: Path) -> None:
    """The file's weights, whose batch norms are folded into the convolutions, under torchreid's names."""
    onnx, onnxruntime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    path = shared / "weights" / "reid" / "osnet_x0_25_msmt17.onnx"
    graph = onnx.load(str(path)).graph
    weights = {each.name: torch.tensor(onnx.numpy_helper.to_array(each)) for each in graph.initializer}
    state = {name: value for name, value in weights.items() if not name.startswith("onnx::")}
    for node in graph.node:
        if node.op_type != "Conv" or not node.input[1].startswith("onnx::"):
            continue
        parts: list[str] = []
        for part in node.name.strip("/").split("/")[:-1]:
            parts = [*parts[:-1], part] if parts and part.startswith(f"{parts[-1]}.") else [*parts, part]
        state[f"{'.'.join(parts)}.weight"] = weights[node.input[1]]
        norm, size = ".".join([*parts[:-1], "bn"]), len(weights[node.input[2]])
        state |= {f"{norm}.weight": torch.ones(size), f"{norm}.bias": weights[node.input[2]]}
        state |= {f"{norm}.running_mean": torch.zeros(size), f"{norm}.running_var": torch.ones(size) - 1e-5}
    torch.save(state, tmp_path / "osnet.pth")
    model, report = load_reid_checkpoint(tmp_path / "osnet.pth")
    assert report.unused == ()
    images = torch.randn(3, 3, 256, 128, generator=torch.Generator().manual_seed(0))
    (wanted,) = onnxruntime.InferenceSession(str(path)).run(None, {"input": images.numpy()})
    with torch.inference_mode():
        found = model.network(images).numpy()
    assert np.abs(found - wanted).max() < 1e-4 * np.abs(wanted).max()


def broken(name: str, change: Callable[[State], None]) -> State:
    state, _, _ = made_network(name)
    change(state)
    return state


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (lambda: {"conv1.weight": torch.zeros(64, 3, 7, 7), "fc.weight": torch.zeros(1000, 2048)}, "ONNX"),
        (lambda: broken("osnet_x0_25", lambda s: s.pop("conv3.1.gate.fc1.bias")), "without"),
        (
            lambda: broken("osnet_x0_25", lambda s: s.update({"part.conv.weight": torch.zeros(1)})),
            "other layers",
        ),
        (
            lambda: broken("fastreid_resnet50", lambda s: s.update(pixel_mean=torch.full((3,), 127.5))),
            "not ImageNet's",
        ),
        (
            lambda: broken("fastreid_resnet50_ibn_a", lambda s: s.pop("heads.pool_layer.p")),
            "AGW",
        ),
    ],
    ids=["ImageNet", "a tensor is missing", "more layers", "other pixels", "AGW"],
)
def test_networks_whose_vectors_would_not_be_the_same_are_refused(
    tmp_path: Path, state: Callable[[], State], message: str
) -> None:
    torch.save(state(), tmp_path / "net.pth")
    with pytest.raises(CheckpointError, match=message):
        open_model(str(tmp_path / "net.pth"))
