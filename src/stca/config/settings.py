"""What a run is: frozen dataclasses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from stca.errors import ConfigError


def check_options_of(what: str, options: Mapping[Any, object], *, taken: tuple[str, ...] = ()) -> None:
    """Raise ConfigError for options that cannot be keyword arguments of a loader or a model.

    Args:
        what: "data set" or "model", for the error.
        options: keyword to value.
        taken: keywords that have an option of their own, and its name.

    """
    for name in options:
        if not isinstance(name, str):
            raise ConfigError(f"An option of a {what} needs a name", expected="name: value", found=name)
        if name in taken:
            raise ConfigError(
                f"{name} is no option of a {what}'s own",
                found=f"{name}={options[name]}",
                hint=_ELSEWHERE[name],
            )


LOADER_TAKEN = ("source", "root", "split")
_ELSEWHERE = {
    "source": "data.source, or the verb's own argument",
    "root": "data.roots, or the verb's own argument",
    "split": "data.split, or --split",
    "decode": "--decode",
}


@dataclass(frozen=True)
class DataConfig:
    """Where training data and, if elsewhere, test data lie."""

    source: str = "mars"
    roots: tuple[str, ...] = ()
    split: int = 0
    options: dict[str, Any] = field(default_factory=dict)
    eval_source: str | None = None
    """None: as `source`."""
    eval_roots: tuple[str, ...] = ()
    """Empty: as `roots`."""
    eval_options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for options in (self.options, self.eval_options):
            check_options_of("data set", options, taken=LOADER_TAKEN)


@dataclass(frozen=True)
class ModelConfig:
    """Which network, and what it starts from."""

    name: str = "stca"
    image_size: tuple[int, int] | None = None
    """(H, W); None: the model's own."""
    options: dict[str, Any] = field(default_factory=dict)
    weights: tuple[str, ...] = ()
    """Checkpoints to start from, loaded in this order (see `load_weights`)."""
    inflate: bool = False
    """Put ImageNet weights into the 3D stream too."""

    def __post_init__(self) -> None:
        check_options_of("model", self.options)


@dataclass(frozen=True)
class ClipConfig:
    """Frames of a training clip and what chance does to them."""

    clip_len: int = 8
    sampling: Literal["consecutive", "strided", "restricted"] = "consecutive"
    flip: float = 0.5
    crop: float = 0.5
    per_frame: bool = False


@dataclass(frozen=True)
class BatchConfig:
    """Persons and tracklets of a batch."""

    identities: int = 8
    instances: int = 4
    micro_batch: int | None = None
    """Clips that go through the network at once; None: the whole batch. Mining always sees the whole."""
    epoch: Literal["all-groups", "one-group"] = "all-groups"
    shuffle: bool = True
    checkpoint_activations: bool = False
    """Compute the trunk's activations again in the backward pass: less memory, more time, the same result."""
    sync_norm: bool = False
    """Over several processes, batch norms in the trunk see the clips of all and give what one process would
    give; otherwise each sees its own process's clips, and the model that is saved has those of the first."""


@dataclass(frozen=True)
class LossConfig:
    """Eq. 3 to 7."""

    margin: float = 0.3
    metric: Literal["cosine", "euclidean"] = "cosine"
    label_smoothing: float = 0.1
    center_weight: float = 0.0005
    center_reduction: Literal["mean", "sum"] = "mean"
    by: Literal["stca", "authors"] = "stca"
    """Whose terms: "authors" takes those of a peer's own paper, where `stca.losses.AUTHORS` has them."""


@dataclass(frozen=True)
class OptimConfig:
    """Adam, and SGD for the centres."""

    epochs: int = 450
    lr: float = 3.5e-4
    weight_decay: float = 5e-4
    milestones: tuple[int, ...] = (200,)
    """Epochs after which the learning rate is multiplied by `gamma`."""
    gamma: float = 0.1
    warmup_epochs: int = 0
    """Epochs over which the learning rate rises linearly, from lr / (warmup_epochs + 1)."""
    center_lr: float = 0.5


@dataclass(frozen=True)
class EvalConfig:
    """Testing along the way and at the end."""

    every: int = 20
    """Epochs between two evaluations; 0: only at the end."""
    batch_size: int = 16
    """Clips."""
    clip_len: int | None = None
    """None: as in training."""
    metric: Literal["cosine", "euclidean"] = "cosine"


@dataclass(frozen=True)
class RunConfig:
    """A run."""

    recipe: str = "custom"
    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    clips: ClipConfig = field(default_factory=ClipConfig)
    batch: BatchConfig = field(default_factory=BatchConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    eval: EvalConfig = field(default_factory=EvalConfig)
    seed: int = 0
    device: Literal["auto", "cpu", "cuda"] = "auto"
    devices: int = 1
    """Processes, each with its share of a batch's persons; under torchrun its number counts instead."""
    precision: Literal["auto", "float32", "bf16"] = "auto"
    """Of training; auto: bf16 where the hardware has it. Tests during training are in float32."""
    compile: bool = False
    """Compile the network's trunk by `torch.compile`: minutes at the start, for faster steps on GPUs."""
    workers: int = 2
    """Processes that decode."""
    checkpoint_every: int = 1
    """Epochs."""
    checkpoint_steps: int = 0
    """Steps between two checkpoints within an epoch; 0: at epoch ends only."""
    log_every: int = 10
    """Steps."""

    def __post_init__(self) -> None:
        if self.compile and (self.batch.checkpoint_activations or self.batch.sync_norm):
            raise ConfigError(
                "A compiled network keeps its activations and its norms",
                expected="compile=true without batch.checkpoint_activations and batch.sync_norm",
                hint="compile=false",
            )
        for name, low, high in _RANGES:
            value: Any = self
            for part in name.split("."):
                value = getattr(value, part)
            for each in value if isinstance(value, tuple) else (value,):
                if each is not None and not low <= each <= high:  # NaN is in no range
                    raise ConfigError(f"{name} is out of range", expected=f"{low:g} to {high:g}", found=each)


_RANGES: tuple[tuple[str, float, float], ...] = (
    ("data.split", 0, 1e6),
    ("clips.clip_len", 1, 10_000),
    ("clips.flip", 0, 1),
    ("clips.crop", 0, 1),
    ("batch.identities", 2, 1e6),
    ("batch.instances", 1, 1e6),
    ("batch.micro_batch", 1, 1e9),
    ("loss.margin", 0, 1e6),
    ("loss.label_smoothing", 0, 1),
    ("loss.center_weight", 0, 1e6),
    ("optim.epochs", 1, 1e6),
    ("optim.lr", 1e-12, 1e30),
    ("optim.weight_decay", 0, 1e6),
    ("optim.milestones", 1, 1e6),
    ("optim.gamma", 1e-12, 1),
    ("optim.warmup_epochs", 0, 1e6),
    ("optim.center_lr", 0, 1e6),
    ("eval.every", 0, 1e6),
    ("eval.batch_size", 1, 1e6),
    ("eval.clip_len", 1, 10_000),
    ("seed", 0, 2**63 - 1),
    ("devices", 1, 1e4),
    ("workers", 0, 1e3),
    ("checkpoint_every", 1, 1e6),
    ("checkpoint_steps", 0, 1e9),
    ("log_every", 1, 1e6),
)
