"""A person detector from a detection network, whatever runs it."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from stca.errors import CheckpointError, ConfigError, first_line
from stca.footage.images import RGB
from stca.tracking.detectors.classes import person_class, read_names
from stca.tracking.detectors.decoding import (
    Candidates,
    Layout,
    Output,
    Probe,
    check_possible,
    recognise,
    suppress,
)
from stca.tracking.detectors.detections import Detections
from stca.tracking.detectors.inputs import ImageInput, TensorInfo, find_inputs
from stca.tracking.detectors.options import DetectorOptions
from stca.tracking.detectors.pixels import PIXELS, prepare

_CHECKED = 20
"""First images whose values are checked."""

_TASKS = ("detect", "segment", "pose")
"""Of Ultralytics' files: those with upright boxes."""


@runtime_checkable
class Network(Protocol):
    """A network and what runs it; may be called from several threads at once.

    Attributes:
        runs_on: what runs it, and where, in words.
        inputs: all of them.
        outputs: names, in the order of `run`'s results.
        metadata: what the file says about itself.

    """

    runs_on: str
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[str, ...]
    metadata: Mapping[str, str]

    def run(self, feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """All outputs for these inputs."""
        ...


class NetworkDetector:
    """Finds people with a detection network; may be called from several threads at once.

    Args:
        network: the network.
        path: its file, for names and errors.
        options: what its file cannot say.

    Attributes:
        description: layout, person class, pixels and runtime, in one line.

    Raises:
        CheckpointError: it is no person detector that can be read, or cannot be run.
        ConfigError: options that do not fit, or something that only an option can tell.

    """

    stateful = False

    def __init__(self, network: Network, path: Path, options: DetectorOptions | None = None) -> None:
        options = options or DetectorOptions()
        self.name = path.name
        self._network, self._path = network, path
        _check_task(network.metadata.get("task"), path)
        self._input, self._extras = find_inputs(
            network.inputs, path, size=_recommended_size(network.metadata.get("imgsz"))
        )
        names = read_names(network.metadata.get("names"))
        probe = Probe(
            self._probed(),
            self._input.size,
            None if names is None else len(names),
            frozenset(self._extras),
            forced=options.layout is not None,
        )
        self._layout = recognise(probe, path, layout=options.layout)
        self._person, known_from = person_class(self._layout, names, options.person_class, path)
        pixels = _pixels(self._layout, self._input, options.pixels, path)
        self._pixels = PIXELS[pixels]
        self._checks_left = _CHECKED
        self._may_be_other = options.person_class is None and names is None
        self._strongest_other, self._seen_person = (0, 0.0), False
        self.description = (
            f"{self._layout.title}; person is class {self._person} ({known_from}); {pixels}, "
            f"{self._layout.resize} to {self._input.size[1]} x {self._input.size[0]}; {network.runs_on}"
        )

    def detect(self, image: RGB) -> Detections:
        """Find the people in one (H, W, 3) uint8 RGB image.

        Raises:
            CheckpointError: the network fails, or, in the first images, returns what cannot be boxes.

        """
        seen, scale = prepare(image, self._input.size, self._pixels, self._layout.resize, self._input.dtype)
        outputs = self._run(seen)
        found = self._layout.read(outputs, self._input.size, self._person)
        if self._checks_left > 0:
            self._checks_left -= 1
            self._check(outputs, found)
        people = suppress(found.boxes, found.scores)
        return Detections(people.boxes / scale, people.scores)

    def _run(self, seen: np.ndarray) -> list[np.ndarray]:
        try:
            outputs = self._network.run({self._input.name: self._input.tensor(seen), **self._extras})
        except Exception as error:  # every runtime has classes of its own for each reason
            raise CheckpointError(
                "A detector cannot be run",
                expected=f"a network that accepts its own input, {self._input}",
                found=first_line(error),
                where=self._path,
                hint="export it with fixed height and width, or for this runtime's version",
            ) from error
        return [output.astype(np.float32) if output.dtype == np.float16 else output for output in outputs]

    def _probed(self) -> tuple[Output, ...]:
        """The outputs for a plain grey image."""
        grey = 114 if self._input.dtype == np.uint8 else 0.45
        outputs = self._run(np.full((3, *self._input.size), grey, self._input.dtype))
        return tuple(Output(*pair) for pair in zip(self._network.outputs, outputs, strict=True))

    def _check(self, outputs: list[np.ndarray], found: Candidates) -> None:
        why = check_possible(found, self._input.size) or self._layout.contradiction(outputs)
        if not any(np.isfinite(output).any() for output in outputs if output.size) and any(
            output.size for output in outputs
        ):
            why = "no number that is finite; float16 may overflow"
        if why is not None:
            raise CheckpointError(
                "A detector returns what cannot be people",
                expected=f"values as of {self._layout.title}",
                found=why,
                where=self._path,
                hint="--layout or --pixels, if the file is of another kind (docs/formats.md)",
            )
        self._watch_classes(outputs, found)

    def _watch_classes(self, outputs: list[np.ndarray], found: Candidates) -> None:
        """Warn where an assumed person class is never seen while others are."""
        self._seen_person |= bool(len(found.scores)) and float(found.scores.max()) > 0.3
        strongest = self._layout.strongest(outputs)
        if strongest[0] != self._person and strongest[1] > self._strongest_other[1]:
            self._strongest_other = strongest
        other, score = self._strongest_other
        if self._checks_left == 0 and self._may_be_other and not self._seen_person and score > 0.5:
            warnings.warn(
                f"{self.name}: no person (class {self._person}) in {_CHECKED} images, but class {other} "
                f"with a score of {score:.2f}; if that is a person: --person-class {other}",
                stacklevel=2,
            )


def _pixels(layout: Layout, image: ImageInput, given: str | None, path: Path) -> str:
    """The key of PIXELS; whole numbers are from 0 to 255 whatever the family."""
    whole = image.dtype == np.uint8
    if given is not None:
        if whole and not given.startswith("raw"):
            raise ConfigError(
                "This detector's input is uint8, from 0 to 255",
                expected="--pixels raw-rgb or raw-bgr",
                found=given,
                where=path,
            )
        return given
    if layout.pixels is None:
        raise ConfigError(
            "It cannot be told what pixels this detector expects",
            expected="a family that has one convention",
            found=layout.title,
            where=path,
            hint=f"--pixels {', '.join(PIXELS)}: as in the program that it was trained with",
        )
    return "raw-rgb" if whole and PIXELS[layout.pixels].rgb else layout.pixels


def _check_task(task: str | None, path: Path) -> None:
    if task is not None and task not in _TASKS:
        raise CheckpointError(
            "This network is no person detector that can be read",
            expected=f"the task {', '.join(_TASKS[:-1])} or {_TASKS[-1]}",
            found=task,
            where=path,
            hint="export a network for upright boxes",
        )


def _recommended_size(text: str | None) -> tuple[int, int] | None:
    """(height, width) from metadata such as `[384, 640]` or `640`."""
    try:
        value = ast.literal_eval(text or "")
    except (ValueError, SyntaxError):
        return None
    sides = (value, value) if isinstance(value, int) else value
    if (
        isinstance(sides, list | tuple)
        and len(sides) == 2
        and all(isinstance(s, int) and s > 0 for s in sides)
    ):
        return sides[0], sides[1]
    return None
