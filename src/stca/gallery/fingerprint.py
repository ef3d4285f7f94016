"""Which model and preparation made the vectors of a gallery: vectors of two models do not compare."""

from __future__ import annotations

import hashlib
import inspect
import json
from dataclasses import asdict, dataclass

from stca.errors import GalleryError
from stca.inference import Neck
from stca.models import MODELS, ImageReID, ReIDModel
from stca.tools.lookup import as_tuples, find

PREPROCESSING = 1
"""Raised when the way from crops to clips changes (resizing, normalising, which frames): old vectors then no
longer compare with new ones. The precision of the arithmetic plays no part."""


@dataclass(frozen=True, slots=True)
class ModelMark:
    """What must be the same for two vectors to be compared.

    Args:
        name: the kind of model, for people.
        weights: a digest of its weights, without the classifier, which no vector passes through.
        image_size: (H, W) in pixels.
        clip_len: T.
        neck: "after" the BN neck or "before" it.
        dim: D.
        preprocessing: `PREPROCESSING`.
        options: of the model, those that are not its defaults: equal weights give other vectors with other
            ones. None where nobody noted them (galleries of before, vectors from elsewhere): not compared.

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
    def of(cls, model: ReIDModel, *, neck: Neck = "after") -> ModelMark:
        """The mark of a model; it takes a moment, since all weights are read."""
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
    def bare(cls, dim: int, name: str = "vectors") -> ModelMark:
        """For vectors that come from elsewhere: only their name and dimension are compared."""
        return cls(name=name, weights="", image_size=(0, 0), clip_len=0, neck="after", dim=dim)

    def to_json(self) -> str:
        """As text, to be kept."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> ModelMark:
        """Back from text.

        Raises:
            GalleryError: not what `to_json` wrote.

        """
        try:
            content = json.loads(text)
            content["image_size"] = tuple(content["image_size"])
            return cls(**content)
        except (ValueError, TypeError, KeyError) as error:
            raise GalleryError("A gallery's note of its model is damaged", found=error) from error

    def require(self, other: ModelMark, *, where: object) -> None:
        """Refuse another model than this one, the gallery's.

        Raises:
            GalleryError: it is another; the message says in what.

        """
        ours, theirs = asdict(self), asdict(other)
        if None in (ours["options"], theirs["options"]):
            ours["options"] = theirs["options"] = None
        differ = [name for name in ours if ours[name] != theirs[name]]
        if not differ:
            return
        raise GalleryError(
            "This is not the model that made the gallery's vectors",
            expected="; ".join(f"{name} {_short(ours[name])}" for name in differ),
            found="; ".join(f"{name} {_short(theirs[name])}" for name in differ),
            where=where,
            hint="use the gallery's model, or make a new gallery with this one",
        )


def _options(model: ReIDModel) -> str:
    """`fusion='sum', temperature=0.5`; without what the mark says elsewhere, and where its file lies."""
    spec = getattr(model, "spec", None)
    if spec is None:
        return ""
    parameters = inspect.signature(find(MODELS, spec.name, kind="model")).parameters
    defaults = {name: parameter.default for name, parameter in parameters.items()}
    chosen = {name: as_tuples(value) for name, value in spec.options.items()}
    if isinstance(model, ImageReID):
        chosen["pixels"] = model.pixels  # where none are given, they follow from the kind of file
    told = sorted(chosen.keys() - {"path", "image_size", "clip_len", "device"})
    return ", ".join(f"{name}={chosen[name]!r}" for name in told if chosen[name] != defaults.get(name))


def _short(value: object) -> str:
    text = "the defaults" if value == "" else str(value)
    return text if len(text) <= 24 or "=" in text else f"{text[:12]}…"
