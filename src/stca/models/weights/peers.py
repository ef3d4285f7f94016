"""Names in the official checkpoints of the peers, by `peer_names.toml`: patterns and what becomes of them.

They are applied in their order; what no pattern matches keeps its name.
"""

from __future__ import annotations

import itertools
import re
import tomllib
from collections.abc import Iterator
from importlib.resources import files

from torch import nn

from stca.models.backbones.resnet2d import Bottleneck2d
from stca.models.backbones.resnet3d import Bottleneck3d
from stca.models.heads import ReIDModel
from stca.models.peers import PeerModel
from stca.models.weights.reading import State

Rules = tuple[tuple[str, str], ...]


def _read_names() -> dict[str, Rules]:
    table = tomllib.loads(files(__package__).joinpath("peer_names.toml").read_text("utf-8"))

    def written_out(rows: list[str | list[str]]) -> Iterator[tuple[str, str]]:
        for row in rows:
            if isinstance(row, str):
                yield from written_out(table["shared"][row])
            else:
                pattern, ours = row
                yield pattern, ours

    return {system: tuple(written_out(rows)) for system, rows in table["systems"].items()}


OFFICIAL_NAMES = _read_names()
"""By system."""


def official_name(name: str, model: PeerModel) -> str:
    """The name in our network of a tensor of the official one."""
    for pattern, ours in OFFICIAL_NAMES.get(model.checkpoint_layout, ()):  # written from a paper: none
        name = re.sub(pattern, ours, name)
    return name


def is_official_peer(state: State, model: ReIDModel) -> bool:
    """Whether a file is of the official code of the model's system, and not only a trunk from ImageNet."""
    if not isinstance(model, PeerModel) or model.checkpoint_layout not in OFFICIAL_NAMES:
        return False
    own = model.state_dict().keys()
    if 2 * sum(name in own for name in state) > len(state):
        return False  # saved by us
    beyond_the_trunk = {name for name in own if not re.match(r"stream[23]d\.", name)}
    return any(official_name(name, model) in beyond_the_trunk for name in state)


def into_trunk(state: State, model: PeerModel) -> State:
    """A plain ResNet's tensors by their names in the model's trunk.

    Blocks count on behind what the peer puts between them, and a kernel that it splits is the one over space.
    """
    parts = dict(model.named_modules())
    places = {}
    for trunk, stage in itertools.product(("stream2d", "stream3d"), range(1, 5)):
        children = parts.get(f"{trunk}.layer{stage}", nn.Module()).named_children()
        blocks = [name for name, part in children if isinstance(part, Bottleneck2d | Bottleneck3d)]
        for number, name in enumerate(blocks):
            places[f"layer{stage}.{number}"] = f"layer{stage}.{name}"
            if f"{trunk}.layer{stage}.{name}.conv2.spatial" in parts:
                places[f"layer{stage}.{number}.conv2"] = f"layer{stage}.{name}.conv2.spatial"
    renamed = {}
    for name, tensor in state.items():
        longest = max((place for place in places if name.startswith(f"{place}.")), key=len, default="")
        renamed[places.get(longest, "") + name.removeprefix(longest)] = tensor
    return renamed


def into_copies(filled: State, model: PeerModel) -> State:
    """The same tensors, and for parts that the trunk has not, each of the model's `copies` of them."""
    renamed: State = {}
    for name, tensor in filled.items():
        part = next((part for part in model.copies if name.startswith(f"stream2d.{part}.")), None)
        leaf = name.removeprefix(f"stream2d.{part}")
        renamed |= {name: tensor} if part is None else {copy + leaf: tensor for copy in model.copies[part]}
    return renamed
