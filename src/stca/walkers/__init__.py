"""Synthetic pedestrians: tracklets in the layout of MARS, and whole scenes as videos with their tracks."""

from typing import TYPE_CHECKING

from stca.tools.lazy_imports import homes, lazy_names

if TYPE_CHECKING:
    from stca.walkers.making import make_walkers
    from stca.walkers.making_scene import make_scene
    from stca.walkers.places.nuisances import Nuisances

_MODULES = {
    "making": "make_walkers",
    "making_scene": "make_scene",
    "places.nuisances": "Nuisances",
}
"""Names by module, imported when first used: the command line asks for settings without the renderer."""

__getattr__ = lazy_names(__name__, homes(__name__, _MODULES))

__all__ = ["Nuisances", "make_scene", "make_walkers"]
