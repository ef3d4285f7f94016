"""Which layout a network's outputs have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from stca.errors import CheckpointError, ConfigError
from stca.tracking.detectors.decoding import cells, lists, queries, rows
from stca.tracking.detectors.decoding.layout import Layout, Match, Probe

LAYOUTS: Mapping[str, Callable[[Probe], Match]] = {
    "yolox-raw": cells.match_raw,
    "yolov5": cells.match_objectness,
    "yolov8": cells.match_classes,
    "yolov10": rows.match_end_to_end,
    "yolov7-nms": rows.match_flat,
    "ssd": rows.match_ssd,
    "detr": queries.match_sigmoid,
    "detr-softmax": queries.match_softmax,
    "rt-detr": queries.match_rows,
    "boxes-scores-labels": lists.match_lists,
    "dets-labels": lists.match_dets_labels,
}
"""Values of `--layout`, and what tells whether outputs are of that layout."""

_ON_CELLS = ("yolox-raw", "yolov5", "yolov8")


def recognise(probe: Probe, path: Path, *, layout: str | None = None) -> Layout:
    """The layout of a network's outputs; `layout` where the user names it.

    Raises:
        ConfigError: the outputs cannot be of the named layout, or may be of several.
        CheckpointError: no known layout.

    """
    names = LAYOUTS if layout is None else {layout: LAYOUTS[layout]}
    answers = {name: match(probe) for name, match in names.items()}
    found = [answer for answer in answers.values() if isinstance(answer, Layout)]
    on_cells = [each for each in found if each.name in _ON_CELLS]
    found = on_cells or found  # one row per cell, near its cell, is no coincidence
    if len(found) == 1:
        return found[0]
    if found:
        raise ConfigError(
            "The outputs of this detector can be read in several ways",
            expected="one layout",
            found=f"{shapes(probe)}: {', '.join(each.name for each in found)}",
            where=path,
            hint=" or ".join(f"--layout {each.name}" for each in found),
        )
    reasons = "; ".join(f"{name}: {why}" for name, why in answers.items() if isinstance(why, str))
    if layout is not None:
        raise ConfigError(
            f"The outputs of this detector are not of the layout {layout}",
            found=f"{shapes(probe)}{': ' + reasons if reasons else ''}",
            where=path,
            hint="without --layout it is told by the outputs",
        )
    raise CheckpointError(
        "This network is no person detector that can be read",
        expected="outputs of YOLO, YOLOX, YOLO-NAS, DETR, RT-DETR, RF-DETR, D-FINE or SSD (docs/formats.md)",
        found=f"{shapes(probe)} for an input of {probe.size[0]} x {probe.size[1]}"
        + (f"; {reasons}" if reasons else ""),
        where=path,
        hint=_advice(probe),
    )


def shapes(probe: Probe) -> str:
    """Names and shapes of the outputs."""
    return ", ".join(f"{output.name} {output.array.shape}" for output in probe.outputs)


def _advice(probe: Probe) -> str:
    """What to do about outputs that are no boxes yet."""
    maps = [output for output in probe.outputs if output.array.ndim >= 4]
    if len(maps) >= 3:
        return (
            "these are feature maps, and their anchors are not in the file: export with decoded boxes "
            "(YOLOv7: export.py --grid; YOLOv5: export.py of version 6 or later without --train)"
        )
    return "export the network for detection, with boxes and scores as outputs"
