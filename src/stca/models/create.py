"""Models by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from stca.errors import ConfigError
from stca.lookup import check_options, find
from stca.models.baselines import ColourHistogram
from stca.models.heads import ModelSpec, ReIDModel
from stca.models.stca import STCA


def stca_small(
    *,
    num_ids: int,
    image_size: tuple[int, int] = (128, 64),
    layers: tuple[int, int, int, int] = (1, 1, 1, 1),
    width: int = 16,
    clip_len: int = 4,
    norm: str = "ibn-a",
    gate: str = "conv4_x",
    fusion: str = "official",
    temperature: float = 0.025,
    stem_frames: int = 3,
) -> STCA:
    """STCA's wiring with few parameters: trains in minutes on two CPU cores."""
    return STCA(
        num_ids=num_ids,
        image_size=image_size,
        layers=layers,
        width=width,
        norm=norm,  # type: ignore[arg-type]  # checked by the network
        gate=gate,
        fusion=fusion,  # type: ignore[arg-type]
        temperature=temperature,
        stem_frames=stem_frames,
        clip_len=clip_len,
    )


MODELS: dict[str, Callable[..., ReIDModel]] = {
    "stca": STCA,
    "stca_small": stca_small,
    "colour_histogram": ColourHistogram,
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
