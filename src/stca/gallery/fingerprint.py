"""The fingerprint of the model and preprocessing that made a gallery's vectors.

Vectors of two models cannot be compared, so a gallery refuses every other model.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from stca.errors import GalleryError, GalleryFileError
from stca.inference import Neck
from stca.tools.lookup import as_tuples, find

if TYPE_CHECKING:
    from stca.models import ReIDModel

PREPROCESSING = 1
"""Version of the preprocessing from crops to clips: resizing, normalisation, choice of frames.

Increased when that changes, since old and new vectors then cannot be compared. Numeric precision is not part
of it.
"""


@dataclass(frozen=True, slots=True)
class ModelFingerprint:
    """What two vectors must have in common to be compared.

    Args:
        name: the model's name.
        weights: a digest of its weights, without the classifier, which embeddings do not use; empty: unknown.
        image_size: (H, W) in pixels.
        clip_len: T.
        neck: "after" the BN neck or "before" it.
        dim: D.
        preprocessing: `PREPROCESSING`.
        options: model options that differ from the defaults; they change the vectors at equal weights. None:
            unknown and not compared (older galleries, external vectors).

    """

    name: str
    weights: str
    image_size: tuple[int, int]
    clip_len: int
    neck: Neck
    dim: int
    preprocessing: int = PREPROCESSING
    options: str | None = None

    @classmethod
    def of(cls, model: ReIDModel, *, neck: Neck = "after") -> ModelFingerprint:
        """The fingerprint of a model. All weights are hashed, which takes a moment."""
        spec = getattr(model, "spec", None)
        name = spec.name if spec else type(model).__name__
        digest = hashlib.blake2b(type(model).__name__.encode(), digest_size=16)
        for key, tensor in sorted(model.state_dict().items()):
            if not key.startswith("head.classifier."):
                digest.update(f"{key} {tuple(tensor.shape)} ".encode())
                digest.update(tensor.detach().cpu().contiguous().float().numpy().tobytes())
        height, width = model.image_size
        return cls(
            name=name,
            weights=digest.hexdigest(),
            image_size=(height, width),
            clip_len=model.clip_len,
            neck=neck,
            dim=model.embedding_dim,
            options=_options(model),
        )

    @classmethod
    def bare(cls, dim: int, name: str = "vectors") -> ModelFingerprint:
        """A fingerprint for external vectors: only name and dimension are compared."""
        return cls(name=name, weights="", image_size=(0, 0), clip_len=0, neck="after", dim=dim)

    def to_json(self) -> str:
        """Serialise."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> ModelFingerprint:
        """Parse what `to_json` wrote.

        Raises:
            GalleryError: not what `to_json` wrote.

        """
        try:
            content = json.loads(text)
            content["image_size"] = tuple(content["image_size"])
            parsed = cls(**content)
            if type(parsed.dim) is not int or parsed.dim < 1:
                raise ValueError(f"dim is {parsed.dim!r}, expected a whole number above 0")
            return parsed
        except (ValueError, TypeError, KeyError) as error:
            raise GalleryFileError("A gallery's stored model fingerprint is damaged", found=error) from error

    def require(self, other: ModelFingerprint, *, where: object) -> None:
        """Check that another fingerprint equals this one, the gallery's.

        Raises:
            GalleryError: they differ; the message lists the fields that do.

        """
        if differ := self.differences(other):
            raise GalleryError(
                "This is not the model that made the gallery's vectors",
                expected=differ[0],
                found=differ[1],
                where=where,
                hint="use the gallery's model, or make a new gallery with this one",
            )

    def differences(self, other: ModelFingerprint) -> tuple[str, str] | None:
        """The fields that differ, of this fingerprint and of the other, in words; None: the same model."""
        ours, theirs = asdict(self), asdict(other)
        if None in (ours["options"], theirs["options"]):
            ours["options"] = theirs["options"] = None
        differ = [name for name in ours if ours[name] != theirs[name]]
        if not differ:
            return None
        one, two = ("; ".join(f"{n} {_short(each[n])}" for n in differ) for each in (ours, theirs))
        return one, two


def fingerprint_of(model: ReIDModel | ModelFingerprint) -> ModelFingerprint:
    """The fingerprint of a model, or that which is given in its place."""
    return model if isinstance(model, ModelFingerprint) else ModelFingerprint.of(model)


def _options(model: ReIDModel) -> str:
    """`fusion='sum', temperature=0.5`: non-default options, without the file's path and other fields."""
    from stca.models import MODELS, ImageReID  # here: galleries are opened, listed and served without PyTorch

    spec = getattr(model, "spec", None)
    if spec is None:
        return ""
    parameters = inspect.signature(find(MODELS, spec.name, kind="model")).parameters
    defaults = {name: parameter.default for name, parameter in parameters.items()}
    chosen = {name: as_tuples(value) for name, value in spec.options.items()}
    if isinstance(model, ImageReID):
        chosen["pixels"] = model.pixels  # resolved: the default depends on the kind of file
    names = sorted(chosen.keys() - {"path", "image_size", "clip_len", "device"})
    return ", ".join(f"{name}={chosen[name]!r}" for name in names if chosen[name] != defaults.get(name))


def _short(value: object) -> str:
    text = "the defaults" if value == "" else str(value)
    return text if len(text) <= 24 or "=" in text else f"{text[:12]}..."
