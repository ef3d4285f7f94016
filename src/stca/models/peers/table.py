"""What is known of a peer beside its network."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from typing import Literal

from stca.models.heads import ReIDModel

Distance = Literal["cosine", "euclidean", "dot product"]


@dataclass(frozen=True)
class System:
    """A paper and its code.

    Args:
        paper: authors and title.
        venue: where it was published.
        year: when.
        distance: between the embeddings of tracklets, in the official code's tests or the paper's; None:
            unknown.
        code: the official code that the network is equal to, repository@commit; None: it is written from the
            paper alone, and compared with nothing.
        licence: of that code; nothing of it is here.
        our_layers: whether the paper's layers are not known to us, so that the network is not the authors'.

    """

    paper: str
    venue: str
    year: int
    distance: Distance | None = None
    code: str | None = None
    licence: str | None = None
    our_layers: bool = False


SYSTEMS = {
    name: System(**fields)
    for name, fields in tomllib.loads(files(__package__).joinpath("systems.toml").read_text("utf-8")).items()
}
"""Papers by the name of their system."""


@dataclass(frozen=True)
class Figures:
    """Published scores on MARS, in percent.

    Args:
        mean_ap: mAP.
        rank1: rank-1 accuracy.
        source: where they stand.

    """

    mean_ap: float
    rank1: float
    source: str


TABLE_1 = "STCA paper, table 1"


@dataclass(frozen=True)
class Peer:
    """A network that can be created by name.

    Args:
        system: a key of `SYSTEMS`.
        network: the model, or a `partial` of it that chooses among its variants.
        clip_len: frames per clip in the official tests, or the paper.
        image_size: (H, W) of the frames there.
        mars: published figures of this network; None where there are none.
        duke: on DukeMTMC-VideoReID, where table 1 of STCA's paper has them.
        ilids: rank-1 on iLIDS-VID, where table 1 has it, in percent.

    """

    system: str
    network: Callable[..., ReIDModel]
    clip_len: int
    image_size: tuple[int, int] = (256, 128)
    mars: Figures | None = None
    duke: Figures | None = None
    ilids: float | None = None

    @property
    def build(self) -> Callable[..., ReIDModel]:
        """The model as `create_model` makes it: `num_ids` is left to be given, all else can be changed."""
        return partial(self.network, image_size=self.image_size, clip_len=self.clip_len)

    def in_table_1(self, data: str) -> str:
        """What STCA's table 1 has of it, as recipes say it.

        Args:
            data: "mars", "duke" or "ilids".

        """
        if data == "ilids":
            return (
                "none." if self.ilids is None else f"rank-1 {self.ilids}, the mean over 10 splits (table 1)."
            )
        figures = self.mars if data == "mars" else self.duke
        if figures is None or TABLE_1 not in figures.source:
            return "none."
        return f"rank-1 {figures.rank1}, mAP {figures.mean_ap} (table 1)."
