"""Training: the loop, one batch's gradients, devices, and what is written on the way."""

from stca.training.backward import backward
from stca.training.engine import Fabric, is_first, launch
from stca.training.loop import fit
from stca.training.schedule import learning_rate

__all__ = ["Fabric", "backward", "fit", "is_first", "launch", "learning_rate"]
