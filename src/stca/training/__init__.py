"""Training: the loop, one batch's gradients, devices, and what is written on the way."""

from stca.training.backward import backward
from stca.training.engine import Fabric, launch
from stca.training.loop import fit
from stca.training.schedule import learning_rate

__all__ = ["Fabric", "backward", "fit", "launch", "learning_rate"]
