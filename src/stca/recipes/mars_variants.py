"""STCA on MARS with other backbones, pooling or gates; the paper has no scores for these."""

from __future__ import annotations

from stca.config import RunConfig
from stca.recipes.common import paper_run


def stca_mars_resnet50() -> RunConfig:
    """As `stca_mars`, with ResNet-50 (no instance norm) as 2D stream.

    Command: stca train stca_mars_resnet50 --data /data/mars --out runs/stca_mars_resnet50
    Hours: 4.1 on one A100, derived, not measured: 67.7 G multiply-adds a clip, 105,750 steps of 32 at most.
    The paper's figure: none.
    """
    return paper_run("stca_mars_resnet50", options={"backbone2d": "resnet50"})


def stca_mars_se_resnet50() -> RunConfig:
    """As `stca_mars`, with SE-ResNet-50 as 2D stream.

    Command: stca train stca_mars_se_resnet50 --data /data/mars --out runs/stca_mars_se_resnet50
    Hours: 4.1 on one A100, derived, not measured: 67.7 G multiply-adds a clip, 105,750 steps of 32 at most.
    The paper's figure: none.
    """
    return paper_run("stca_mars_se_resnet50", options={"backbone2d": "se_resnet50"})


def stca_mars_i3d() -> RunConfig:
    """As `stca_mars`, with an inflated ResNet-50 (I3D) as 3D stream.

    Command: stca train stca_mars_i3d --data /data/mars --out runs/stca_mars_i3d
    Hours: 4.4 on one A100, derived, not measured: 73.2 G multiply-adds a clip, 105,750 steps of 32 at most.
    The paper's figure: none.
    """
    return paper_run("stca_mars_i3d", options={"backbone3d": "i3d_resnet50"})


def stca_mars_c3d() -> RunConfig:
    """As `stca_mars`, with C3D as 3D stream.

    Command: stca train stca_mars_c3d --data /data/mars --out runs/stca_mars_c3d
    Hours: 7.5 on one A100, derived, not measured: 124.5 G multiply-adds a clip, 105,750 steps of 32 at most.
    The paper's figure: none.
    """
    return paper_run("stca_mars_c3d", options={"backbone3d": "c3d"})


def stca_mars_attention() -> RunConfig:
    """As `stca_mars`, frames pooled by temporal attention.

    Command: stca train stca_mars_attention --data /data/mars --out runs/stca_mars_attention
    Hours: 4.1 on one A100, derived, not measured: 67.7 G multiply-adds a clip, 105,750 steps of 32 at most.
    The paper's figure: none.
    """
    return paper_run("stca_mars_attention", options={"pooling": "attention"})


def stca_mars_lstm() -> RunConfig:
    """As `stca_mars`, frames pooled by an LSTM.

    Command: stca train stca_mars_lstm --data /data/mars --out runs/stca_mars_lstm
    Hours: 4.1 on one A100, derived, not measured: 67.7 G multiply-adds a clip, 105,750 steps of 32 at most.
    The paper's figure: none.
    """
    return paper_run("stca_mars_lstm", options={"pooling": "lstm"})


def sum_mars() -> RunConfig:
    """As `stca_mars`, without attention: the sum of the two streams.

    Command: stca train sum_mars --data /data/mars --out runs/sum_mars
    Hours: 4.1 on one A100, derived, not measured: 67.4 G multiply-adds a clip, 105,750 steps of 32 at most.
    The paper's figure: none.
    With model.options.fusion=official it equals STCA with A = 0: 2 F_S + F_T, L2-normalised over channels.
    """
    return paper_run("sum_mars", model="sum")


def stca_mars_fusion_sum() -> RunConfig:
    """As `stca_mars`, without the norm and the extra F_S of the official fusion.

    Command: stca train stca_mars_fusion_sum --data /data/mars --out runs/stca_mars_fusion_sum
    Hours: 4.1 on one A100, derived, not measured: 67.7 G multiply-adds a clip, 105,750 steps of 32 at most.
    The paper's figure: none.
    """
    return paper_run("stca_mars_fusion_sum", options={"fusion": "sum"})


def stca_mars_gate_conv3_x() -> RunConfig:
    """As `stca_mars`, the gate after conv3_x, on 48x16 positions.

    Command: stca train stca_mars_gate_conv3_x --data /data/mars --out runs/stca_mars_gate_conv3_x
    Hours: 4.0 on one A100, derived, not measured: 66.9 G multiply-adds a clip, 105,750 steps of 32 at most.
    The paper's figure: none.
    """
    return paper_run("stca_mars_gate_conv3_x", options={"gate": "conv3_x"})


def stca_mars_gate_conv2_x() -> RunConfig:
    """As `stca_mars`, the gate after conv2_x, on 96x32 positions.

    Command: stca train stca_mars_gate_conv2_x --data /data/mars --out runs/stca_mars_gate_conv2_x
    Hours: 4.8 on one A100, derived, not measured: 79.8 G multiply-adds a clip, 105,750 steps of 32 at most.
    The paper's figure: none.
    Attention between the 3,072 positions of a frame takes 9.7 GB of float32 per batch, several times over in
    training: set batch.micro_batch.
    """
    return paper_run("stca_mars_gate_conv2_x", options={"gate": "conv2_x"})
