"""Image re-identification networks from a file (ONNX or OpenVINO IR), applied frame by frame.

Such a network turns one picture into one vector. A clip's vector here is the mean over its frames of the
vectors at length 1, so that no single frame counts more than another.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from stca.errors import CheckpointError, ConfigError
from stca.footage.images import IMAGENET_MEAN, IMAGENET_STD
from stca.models.distinct_frames import distinct_frames
from stca.models.heads import IdentityHead, ModelSpec, ReIDModel
from stca.models.network_files import PIXELS, NetworkInput, OpenedNetwork, Pixels, open_onnx, open_openvino
from stca.models.network_files.vectors import VectorNetwork

IMAGE_REID_SUFFIXES: dict[str, Pixels] = {".onnx": "imagenet-rgb", ".xml": "raw-bgr"}
"""Kinds of file, and the pixels each is given where neither the user nor the file's graph says otherwise."""
DEFAULT_SIZE = (256, 128)
"""Height and width of pictures, where a file leaves them open."""


class ImageReID(ReIDModel):
    """An image re-identification network as a model of clips. It cannot be trained here.

    Inputs may be float32, float16, float64 or uint8, (N, 3, H, W) or (N, H, W, 3), with a fixed or a dynamic
    batch.

    Args:
        path: an `.onnx` file (needs onnxruntime), or the `.xml` of an OpenVINO IR with its `.bin` beside it.
        num_ids: ignored; there for the common signature.
        pixels: what the network expects. "imagenet-rgb": RGB, ImageNet-normalised, what PyTorch networks are
            trained on and the default for `.onnx`; "raw-bgr": BGR from 0 to 255, what the Open Model Zoo's
            networks take and the default for `.xml`; "unit-rgb": RGB from 0 to 1; "raw-rgb": from 0 to 255.
            None: what the file's graph normalises, if it does; else the default.
        output: the name of the output that is the embedding; None: the only one that can be.
        image_size: (H, W) of the frames; default what the file says, or (256, 128) where it leaves it open.
        device: of ONNX Runtime: "cpu", "cuda", "tensorrt", "openvino", "coreml" or "directml"; "auto": where
            the vectors are computed (`embed_tracklets(device=...)`).
        clip_len: frames per clip; changes no vector, but how a tracklet's frames are weighted where they do
            not fill the last clip.

    Raises:
        CheckpointError: no such file, or none with such a network in it.
        ConfigError: another kind of file, unknown pixels, an image size that the file does not have, several
            outputs of which none is named, or a device that is not there.
        StcaError: the package that opens this kind of file is missing, or the network's first run fails.

    """

    trainable = False
    exportable = False
    frame_by_frame = True
    digest: Tensor
    mean: Tensor
    std: Tensor

    def __init__(
        self,
        path: str | Path,
        *,
        num_ids: int = 0,
        pixels: Pixels | None = None,
        output: str | None = None,
        image_size: tuple[int, int] | None = None,
        device: str = "auto",
        clip_len: int = 8,
    ) -> None:
        self._path, self._device = _existing(path), device
        if pixels is not None and pixels not in PIXELS:
            raise ConfigError("Unknown pixels", expected=f"one of {', '.join(PIXELS)}", found=repr(pixels))
        network = _open(self._path, pixels, "cpu" if device == "auto" else device)
        network.input.check()
        self.pixels = pixels or _pixels_of(network, self._path)
        size = _frame_size(network.input, image_size)
        super().__init__(image_size=size, clip_len=clip_len)
        self._run = VectorNetwork(network, size, scale=self._scale, output=output)
        self.output, self.embedding_dim = self._run.output, self._run.dim
        self._opened_for, self.computed_by = "cpu", network.computed_by
        self.head = IdentityHead()
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD)[:, None, None], persistent=False)
        # Two networks are the same model when this tensor is: there are no other weights to tell them apart.
        self.register_buffer("digest", _digest(self._path))
        options: dict[str, object] = {"path": str(self._path.absolute()), "pixels": self.pixels}
        options |= {"output": self.output} if len(network.outputs) > 1 else {}
        options |= {"device": device} if device != "auto" else {}
        self.spec = ModelSpec(f"{__name__}:ImageReID", num_ids, size, options)

    @property
    def summary(self) -> str:
        """The file's input and output, and how they are used, in one line."""
        outputs = len(self._run.network.outputs)
        of = f" (of {outputs} outputs)" if outputs > 1 else ""
        batch = "" if self._run.batch is None else f", {self._run.batch} pictures at a time"
        return (
            f"{self._path.name}: input {self._run.network.input}, pixels {self.pixels}{batch}; "
            f"embedding {self.output}{of}, {self.embedding_dim} numbers; {self.computed_by}"
        )

    def prepare_for(self, device: torch.device) -> None:
        """With device="auto", open an ONNX file again for the device that vectors are computed on.

        Raises:
            ConfigError: ONNX Runtime here has no provider for it.

        """
        if self._device != "auto" or self._path.suffix.lower() != ".onnx" or self._opened_for == device.type:
            return
        network = _open(self._path, self.pixels, device.type)
        self._run = VectorNetwork(network, self.image_size, scale=self._scale, output=self.output)
        self._opened_for, self.computed_by = device.type, network.computed_by

    def features(self, clips: Float[Tensor, "B T 3 H W"]) -> Float[Tensor, "B D"]:
        """Mean over the frames of their vectors at length 1; equal frames are computed once."""
        frames = clips.float().flatten(0, 1)
        first, of_frame = distinct_frames(frames)
        pictures = self._as_expected(frames[first]).cpu().numpy()
        vectors = torch.from_numpy(self._run(np.ascontiguousarray(pictures))).to(clips.device)
        units = nn.functional.normalize(vectors, dim=1)[of_frame]
        return units.reshape(*clips.shape[:2], -1).mean(dim=1)

    @property
    def _scale(self) -> float:
        return 255.0 if self.pixels.startswith("raw") else 1.0

    def _as_expected(self, frames: Float[Tensor, "N 3 H W"]) -> Float[Tensor, "N 3 H W"]:
        if self.pixels == "imagenet-rgb":
            return frames
        unit = (frames * self.std + self.mean).clamp(0, 1)
        if self.pixels == "unit-rgb":
            return unit
        return (unit if self.pixels == "raw-rgb" else unit.flip(1)) * 255


def _existing(path: str | Path) -> Path:
    path = Path(path)
    if path.suffix.lower() not in IMAGE_REID_SUFFIXES:
        known = " or ".join(IMAGE_REID_SUFFIXES)
        raise ConfigError("Not a kind of network that can be opened", expected=known, found=path)
    if not path.is_file():
        raise CheckpointError("There is no such network", where=path)
    return path


def _open(path: Path, pixels: Pixels | None, device: str) -> OpenedNetwork:
    opening = open_onnx if path.suffix.lower() == ".onnx" else open_openvino
    return opening(path, pixels=pixels, device=device)


def _pixels_of(network: OpenedNetwork, path: Path) -> Pixels:
    if network.unknown_normalisation:
        raise ConfigError(
            "The network normalises its pictures in a way that does not say which pixels it takes",
            expected=f"--pixels (pixels=), one of {', '.join(PIXELS)}",
            where=path,
        )
    return network.pixels or IMAGE_REID_SUFFIXES[path.suffix.lower()]


def _frame_size(network_input: NetworkInput, wanted: tuple[int, int] | None) -> tuple[int, int]:
    sides = network_input.size
    height, width = wanted or (sides[0] or DEFAULT_SIZE[0], sides[1] or DEFAULT_SIZE[1])
    if (sides[0] or height, sides[1] or width) != (height, width):
        raise ConfigError(
            "The network takes pictures of another size",
            expected=f"(height, width) {sides}",
            found=wanted,
            where=network_input.where,
        )
    return height, width


def _digest(path: Path) -> Tensor:
    """SHA-256 of everything that belongs to the network, (32,) uint8."""
    total = hashlib.sha256()
    for part in (path, path.with_suffix(".bin"), Path(f"{path}.data")):
        if part.is_file():
            total.update(part.read_bytes())
    return torch.tensor(list(total.digest()), dtype=torch.uint8)
