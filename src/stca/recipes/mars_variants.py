"""STCA on MARS with other backbones, and with other pooling over time; the paper has no figures for them."""

from __future__ import annotations

from stca.config import RunConfig
from stca.recipes.building import paper_run


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
