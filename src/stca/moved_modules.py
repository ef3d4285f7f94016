"""Old names of modules that moved after version 0.1; they import the new modules for one more release.

`import stca.video` gives `stca.footage.video` and a DeprecationWarning.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Iterable
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

_TABLE = {
    ("", "tools"): "files lookup devices progress provenance openvino_import",
    ("", "footage"): "images packs video frames streams sources",
    ("models", "models.backbones"): "resnet2d resnet3d c3d layers3d channels",
    ("models", "models.weights"): "reading_weights=reading model_files pretrained",
    ("tracking", "tracking"): "following=track_builder given=external_tracks finding=detection",
    (
        "tracking",
        "tracking.detectors",
    ): "detect detections decoding motion onnx_detector=onnx openvino_detector=openvino",
    ("gallery", "gallery.store"): "sqlite store_file=file transactions rows",
    ("gallery", "gallery.index"): "indexes index_file=file index_training=training tuning faiss_import",
    ("cli", "cli.galleries"): "gallery linking searching",
    ("recipes", "recipes"): "building=common",
    ("runs", "runs"): "sharing=distributed_embedding",
    ("gallery", "gallery"): "asking=search marks=fingerprint",
    ("gallery", "linking"): "linking clustering constraints link_tracks=tracks "
    "link_outputs=outputs link_scores=scores contact_sheet",
}
"""(old package, new package): modules, as `name` or `old=new`; packages without `stca.`."""


def _moved() -> dict[str, str]:
    names = {}
    for (before, now), modules in _TABLE.items():
        for module in modules.split():
            old, _, new = module.partition("=")
            names[".".join(filter(None, ("stca", before, old)))] = f"stca.{now}.{new or old}"
    return names


MOVED = _moved()
"""Old dotted name to the new one."""


class _Alias(Loader):
    def __init__(self, name: str) -> None:
        self._name = name

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(self._name)
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec  # the import system has replaced it by the old name's spec


class MovedModules(MetaPathFinder):
    """Import hook that finds a module by its old name."""

    def find_spec(
        self, fullname: str, path: Iterable[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The new module under the old name, with a DeprecationWarning; None for all other names."""
        if fullname not in MOVED:
            return None
        warnings.warn(f"{fullname} is now {MOVED[fullname]}", DeprecationWarning, stacklevel=2)
        return ModuleSpec(fullname, _Alias(MOVED[fullname]))


def install() -> None:
    """Install the import hook, after all others; a second call has no effect."""
    if not any(isinstance(finder, MovedModules) for finder in sys.meta_path):
        sys.meta_path.append(MovedModules())
