"""What a detection network's file cannot say, and where the network runs."""

from __future__ import annotations

from dataclasses import dataclass

from stca.errors import ConfigError
from stca.tools.lookup import suggest
from stca.tracking.detectors.decoding import LAYOUTS
from stca.tracking.detectors.pixels import PIXELS

DEVICES = ("auto", "cpu", "cuda", "tensorrt", "openvino", "coreml", "directml")


@dataclass(frozen=True, slots=True)
class DetectorOptions:
    """What a detection network's file cannot say, and where the network runs.

    Args:
        person_class: class id of a person, counted from 0; default: from the class names in the file, or the
            order of a well-known data set.
        pixels: what the network expects, a key of `PIXELS`; default: what its family was trained with.
        layout: how its outputs are read, a key of `LAYOUTS`; default: told by shapes and values.
        device: one of `DEVICES`.

    Raises:
        ConfigError: a value that does not exist.

    """

    person_class: int | None = None
    pixels: str | None = None
    layout: str | None = None
    device: str = "auto"

    def __post_init__(self) -> None:
        for option, value, valid in (
            ("--pixels", self.pixels, tuple(PIXELS)),
            ("--layout", self.layout, tuple(LAYOUTS)),
            ("--device", self.device, DEVICES),
        ):
            if value is not None and value not in valid:
                raise ConfigError(
                    f"There is no such value of {option}",
                    expected=", ".join(valid),
                    found=value,
                    hint=suggest(value, valid),
                )
        if self.person_class is not None and self.person_class < 0:
            raise ConfigError("Class ids count from 0", found=f"--person-class {self.person_class}")

    def recorded(self) -> dict[str, object]:
        """What decides the boxes and differs from the defaults, for the records of a video."""
        values = {"person_class": self.person_class, "pixels": self.pixels, "layout": self.layout}
        return {name: value for name, value in values.items() if value is not None}

    def explicit(self) -> dict[str, object]:
        """The options that differ from their defaults, by their names on the command line."""
        values = {
            "--person-class": self.person_class,
            "--pixels": self.pixels,
            "--layout": self.layout,
            "--device": None if self.device == "auto" else self.device,
        }
        return {name: value for name, value in values.items() if value is not None}
