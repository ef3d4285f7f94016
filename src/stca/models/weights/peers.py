"""Names in the official checkpoints of the peers: per system, patterns and what becomes of them.

They are applied in their order; what no pattern matches keeps its name.
"""

from __future__ import annotations

import re

from stca.models.heads import ReIDModel
from stca.models.peers import PeerModel
from stca.models.weights.reading import State

Rules = tuple[tuple[str, str], ...]

_BASE: Rules = (
    (r"^base\.0\.", "stream2d.conv1."),
    (r"^base\.1\.", "stream2d.bn1."),
    (r"^base\.4\.", "stream2d.layer1."),
    (r"^base\.5\.", "stream2d.layer2."),
    (r"^base\.6\.", "stream2d.layer3."),
    (r"^base\.7\.", "stream2d.layer4."),
)
"""A ResNet as the official code cuts it: a `Sequential` of the first eight children of torchvision's."""
_OVER_TIME: Rules = ((r"^(conv1|bn1|layer\d)\.", r"stream3d.\1."),)
_AGGREGATION: Rules = (
    (r"^(?:aggregation\.)?attention_conv\.", "aggregation.squeeze."),
    (r"^(?:aggregation\.)?attention_tconv\.", "aggregation.score."),
    (r"^(?:aggregation\.)?lstm\.", "aggregation.recurrent.lstm."),
)
_CLASSIFIER: Rules = ((r"^classifier\.", "head.classifier."),)
_BN: Rules = ((r"^bn\.", "head.norm."), *_CLASSIFIER)

OFFICIAL_NAMES: dict[str, Rules] = {
    "RevisitTempool": (*_BASE, *_AGGREGATION, *_CLASSIFIER),
}
"""By system."""


def official_name(name: str, system: str) -> str:
    """The name in our network of a tensor of the official one."""
    for pattern, ours in OFFICIAL_NAMES[system]:
        name = re.sub(pattern, ours, name)
    return name


def is_official_peer(state: State, model: ReIDModel) -> bool:
    """Whether a file is of the official code of the model's system, and not only a trunk from ImageNet."""
    if not isinstance(model, PeerModel):
        return False
    own = model.state_dict().keys()
    if 2 * sum(name in own for name in state) > len(state):
        return False  # saved by us
    beyond_the_trunk = {name for name in own if not re.match(r"stream[23]d\.", name)}
    return any(official_name(name, model.system) in beyond_the_trunk for name in state)
