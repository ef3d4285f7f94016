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
_STAGES: Rules = ((r"^(conv1|bn1|layer\d)\.", r"stream2d.\1."),)
_BICNET: Rules = (
    (r"^layer1_h2l\.", "links.0."),
    (r"^layer2_h2l\.", "links.1."),
    (r"^layer3_h2l\.", "links.2."),
    (r"^TKS\.conv1\.", "tks.near."),
    (r"^TKS\.conv2\.", "tks.far."),
    (r"^TKS\.fc1\.", "tks.squeeze."),
    (r"^TKS\.fc2\.", "tks.expand."),
    (r"^TKS\.W\.", "tks.norm."),
    (r"^DAO\.conv\.(\d)\.", r"dao.attention.\1.score."),
    (r"^DAO\.conv1\.(\d)\.conv\.", r"dao.attention.\1.mix."),
    (r"^DAO\.conv1\.(\d)\.bn\.", r"dao.attention.\1.norm."),
    (r"^DAO\.W\.", "dao.norms."),
)
_STMN: Rules = (
    (r"^features\.backbone\.layer4_val\.", "value_stage."),
    (r"^features\.backbone\.layer4_key_s\.", "spatial_key_stage."),
    (r"^features\.backbone\.layer4_key_t\.", "temporal_key_stage."),
    (r"^features\.backbone\.", "stream2d."),
    (r"^smem\.bn\.", "spatial.norm."),
    (r"^smem\.", "spatial."),
    (r"^tmem\.", "temporal."),
    (r"^bn_s\.", "frame_head.norm."),
    (r"^cls_s\.", "frame_head.classifier."),
    (r"^bn_t\.", "head.norm."),
    (r"^cls_t\.", "head.classifier."),
)
_TCLNET: Rules = (
    (r"^layer2\.4\.W\.", "boosting.project."),
    (r"^TSE_Module\.layer4\.", "erasing.shared."),
    (r"^TSE_Module\.branch\.", "erasing.branches."),
    (r"^TSE_Module\.conv_reduce\.", "erasing.reduce."),
    (r"^TSE_Module\.conv_erase\.", "erasing.project."),
    (r"^bn\.0\.", "head.first.norm."),
    (r"^bn\.1\.", "head.second.norm."),
    (r"^classifier\.0\.", "head.first.classifier."),
    (r"^classifier\.1\.", "head.second.classifier."),
)
_SINET: Rules = (
    (r"\.(?:chl_reduction|down_channel)\.", ".squeeze."),
    (r"\.thw_reduction\.", ".integrate."),
    (r"\.thw_expansion\.0\.", ".distribute."),
    (r"\.chl_expansion\.0\.", ".expand."),
    (r"\.up_channel\.", ".expand."),
    (r"\.se\.", ".gate."),
)
_PSTA: Rules = (
    (r"^base\.", "stream2d."),
    (r"^down_channel\.", "reduce."),
    (r"^layer1\.", "pyramid.0."),
    (r"^layer2\.", "pyramid.1."),
    (r"^layer3\.", "pyramid.2."),
    (r"\.Embeding\.", ".reduce."),
    (r"\.TRAG\.", ".temporal."),
    (r"\.SRAG\.", ".spatial."),
    (r"\.conv_block\.", ".block."),
    (r"\.(?:gamma_temporal|alphi_appearance)\.", ".query."),
    (r"\.(?:beta_temporal|delta_appearance)\.", ".key."),
    (r"\.gg_(?:temporal|spatial)\.", ".relate."),
    (r"\.tte_para\.", ".compare."),
    (r"\.(?:te_para|spa_para)\.", ".score."),
    (r"\.theta_channel\.", ".squeeze."),
    (r"\.(?:channel_para|app_channel)\.", ".channel_weights."),
    (r"^bottleneck\.2\.", "head.norm."),
    (r"^classifier\.2\.", "head.classifier."),
    (r"^bottleneck\.([01])\.", r"lower_heads.\1.norm."),
    (r"^classifier\.([01])\.", r"lower_heads.\1.classifier."),
)
_GRL: Rules = (
    (r"^cnn\.backbone\.base\.", "base."),
    *_BASE,
    (r"^cnn\.backbone\.glo_fc\.", "correlation.clip."),
    (r"^cnn\.backbone\.corr_atte\.", "correlation.score."),
    (r"^cnn\.temporal_learning_block\.uncorr_memo_(for|back)ward\.", r"\1wards.update."),
    (r"^cnn\.temporal_learning_block\.(for|back)ward_f1\.", r"\1wards.of_memory."),
    (r"^cnn\.temporal_learning_block\.(for|back)ward_f2\.", r"\1wards.of_frame."),
    (r"^cnn\.temporal_learning_block\.channel_atte_foreward_corr\.", "forwards.gate."),
    (r"^cnn\.temporal_learning_block\.channel_atte_backward_corr\.", "backwards.gate."),
    (r"^cnn\.corr_bn\.", "correlated_norm."),
    (r"^cnn\.uncorr_bn\.", "uncorrelated_norm."),
    (r"^siamese\.feat([QK])\.", r"pool.\1.0."),
    (r"^siamese\.feat([QK])_bn\.", r"pool.\1.1."),
    (r"^pool\.Q\.", "pool.query."),
    (r"^pool\.K\.", "pool.key."),
    (r"^siamese\.featV\.", "verification.unused.0."),
    (r"^siamese\.featV_bn\.", "verification.unused.1."),
    (r"^siamese\.classifierBN\.", "verification.norm."),
    (r"^siamese\.classifierlinear\.", "verification.classifier."),
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
    "BiCnet-TKS": (*_BICNET, *_STAGES, *_BN),
    "STMN": _STMN,
    "TCLNet": (*_TCLNET, *_STAGES),
    "SINet": (*_SINET, *_OVER_TIME, *_BN),
    "PSTA": _PSTA,
    "GRL": _GRL,
}
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
