"""Names in the official checkpoints of the peers: per system, patterns and what becomes of them.

They are applied in their order; what no pattern matches keeps its name.
"""

from __future__ import annotations

import itertools
import re

from torch import nn

from stca.models.backbones.resnet2d import Bottleneck2d
from stca.models.backbones.resnet3d import Bottleneck3d
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

_NON_LOCAL: Rules = (
    (r"\.theta\.", ".query."),
    (r"\.phi\.(?:0\.)?", ".key."),
    (r"\.g\.(?:0\.)?", ".value."),
    (r"\.W\.", ".project."),
)
_CO_SEGMENTATION: Rules = (
    (r"\.dim_reduction\.", ".reduce."),
    (r"\.spatial_mask_summary\.", ".mask."),
    (r"\.channelwise_attention\.", ".gate."),
)
_APPEARANCE_PRESERVING: Rules = (
    (r"\.conv2\.conv3d\.", ".conv2."),
    (r"\.conv2\.spatial_conv3d\.", ".conv2.spatial."),
    (r"\.conv2\.temporal_conv3d\.", ".conv2.temporal."),
    (r"\.APM\.semantic_mapping\.", ".register.semantic."),
    (r"\.APM\.x_mapping\.", ".register.own."),
    (r"\.APM\.n_mapping\.", ".register.moved."),
    (r"\.APM\.contrastive_att_net\.0\.", ".register.gate."),
)

OFFICIAL_NAMES: dict[str, Rules] = {
    "RevisitTempool": (*_BASE, *_AGGREGATION, *_CLASSIFIER),
    "coSAM": (
        *_BASE,
        (r"^attention_modules\.attention_modules\.3\.", "co_segmentation.4."),
        (r"^attention_modules\.attention_modules\.2\.", "co_segmentation.3."),
        *_CO_SEGMENTATION,
        *_AGGREGATION,
        *_CLASSIFIER,
    ),
    "coSAM SE-ResNet-50": (
        (r"^base\.(?:layer0\.)?", "stream2d."),
        (r"\.se_module\.", ".se."),
        (r"^attention_modules\.attention_modules\.", "co_segmentation."),
        *_CO_SEGMENTATION,
        *_AGGREGATION,
        *_CLASSIFIER,
    ),
    "NVAN": (
        (r"^features\.backbone\.NL_", "non_local."),
        (r"^features\.backbone\.", "stream2d."),
        *_NON_LOCAL,
        (r"^bottleneck\.", "head.norm."),
        *_CLASSIFIER,
    ),
    "AP3D": (*_OVER_TIME, *_NON_LOCAL, *_APPEARANCE_PRESERVING, *_BN),
}
"""By system."""


def official_name(name: str, model: PeerModel) -> str:
    """The name in our network of a tensor of the official one."""
    for pattern, ours in OFFICIAL_NAMES[model.checkpoint_layout]:
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
