"""Models by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from stca.errors import ConfigError
from stca.models.baselines import CNN2D, CNN3D, Concat, Sum
from stca.models.colour_histogram import ColourHistogram
from stca.models.heads import ModelSpec, ReIDModel
from stca.models.peers import PEERS
from stca.models.stca import STCA
from stca.tools.lookup import check_options, find

_SMALL: dict[str, Any] = {"layers": (1, 1, 1, 1), "width": 16, "image_size": (128, 64), "clip_len": 4}
_MOBILE: dict[str, Any] = {
    "backbone2d": "mobilenet_v2_512",
    "space": "weights",
    "image_size": (128, 64),
}

MODELS: dict[str, Callable[..., ReIDModel]] = {
    "stca": STCA,
    "cnn2d": CNN2D,
    "cnn3d": CNN3D,
    "concat": Concat,
    "sum": Sum,
    # The same wiring with few parameters: trains in minutes on two CPU cores.
    "stca_small": partial(STCA, **_SMALL, stem_frames=3),
    "cnn2d_small": partial(CNN2D, **_SMALL),
    "cnn3d_small": partial(CNN3D, **_SMALL, stem_frames=3),
    "concat_small": partial(Concat, **_SMALL, stem_frames=3),
    "sum_small": partial(Sum, **_SMALL, stem_frames=3),
    # For laptops: MobileNetV2 reads the frames, and its ImageNet weights are a good start.
    "stca_mobile": partial(STCA, **_MOBILE, width=16, layers=(1, 1, 1, 1), stem_frames=3, fusion="sum"),
    "cnn2d_mobile": partial(CNN2D, **_MOBILE, pooling="consensus"),
    "colour_histogram": ColourHistogram,
    # The systems STCA is compared with, as their authors' code computes them.
    **{name: peer.build for name, peer in PEERS.items()},
}


def create_model(
    name: str, *, num_ids: int, image_size: tuple[int, int] | None = None, **options: object
) -> ReIDModel:
    """Build a model with random weights.

    Args:
        name: a key of `MODELS`, or `package.module:function`.
        num_ids: identities of its classifier.
        image_size: (H, W) of its frames; default the model's own: (384, 128) for `stca`.
        options: keywords of the model, checked against its signature.

    Raises:
        ConfigError: an unknown name, an unknown option, a size that does not fit.

    """
    if image_size is not None:
        options = {**options, "image_size": tuple(image_size)}
    return build_model(name, num_ids=num_ids, options=options)


def build_model(name: str, *, num_ids: int, options: Mapping[str, object]) -> ReIDModel:
    """`create_model` with the options as a mapping, which may come from a file or a command line.

    Raises:
        ConfigError: an unknown name, an unknown option, or values that make no model.

    """
    build = find(MODELS, name, kind="model")
    if "num_ids" in options:
        raise ConfigError("num_ids is no option of a model", hint="it follows from the data")
    # A name may come from a file: nothing is called that does not take `num_ids`, as every model does.
    check_options(build, {"num_ids": num_ids, **options}, kind=f"model {name!r}")
    try:
        model = build(num_ids=num_ids, **options)
    except (TypeError, ValueError, RuntimeError, ArithmeticError, MemoryError) as error:
        raise ConfigError(
            f"Model {name!r} cannot be built with these options", found=f"{dict(options)}: {error}"
        ) from error
    if not isinstance(model, ReIDModel):
        raise ConfigError("This is no model", expected="a stca.models.ReIDModel", found=type(model).__name__)
    kept = {key: value for key, value in options.items() if key != "image_size"}
    model.spec = ModelSpec(name, num_ids, model.image_size, kept)
    return model
