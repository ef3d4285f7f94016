"""STCA on MARS: tables 1 to 4."""

from __future__ import annotations

from stca.config import RunConfig
from stca.recipes.common import literal_schedule, paper_run


def stca_mars() -> RunConfig:
    """STCA on MARS as the paper trains it: 384x128, 8 frames, 8 x 4 clips, 450 epochs.

    Command: stca train stca_mars --data /data/mars --out runs/stca_mars
    Hours: 4.1 on one A100, derived, not measured: 67.7 G multiply-adds a clip, 105,750 steps of 32 at most.
    The paper's figure: rank-1 90.3, mAP 87.0 (tables 1 to 4; its protocol is not stated).
    Starts from random weights unless 'model.weights=[resnet50_ibn_a.pth, r3d50_K_200ep.pth]' gives it the
    pretrained ones of the paper; without them expect much less.
    """
    return paper_run("stca_mars")


def stca_mars_literal() -> RunConfig:
    """As `stca_mars`, the paper's learning rate read literally: a tenth every 10 epochs.

    Command: stca train stca_mars_literal --data /data/mars --out runs/stca_mars_literal
    Hours: 4.1 on one A100, derived, not measured: 67.7 G multiply-adds a clip, 105,750 steps of 32 at most.
    The paper's figure: rank-1 90.3, mAP 87.0 (tables 1 to 4; its protocol is not stated).
    After about 50 of the 450 epochs the learning rate is practically zero, so this is not the default.
    """
    return paper_run("stca_mars_literal", optim=literal_schedule())


def stca_mars_256() -> RunConfig:
    """As `stca_mars`, at 256x128.

    Command: stca train stca_mars_256 --data /data/mars --out runs/stca_mars_256
    Hours: 2.7 on one A100, derived, not measured: 45.0 G multiply-adds a clip, 105,750 steps of 32 at most.
    The paper's figure: rank-1 89.1, mAP 84.9 (table 2; its protocol is not stated).
    """
    return paper_run("stca_mars_256", image_size=(256, 128))


def stca_mars_t2() -> RunConfig:
    """As `stca_mars`, with 2 frames a clip.

    Command: stca train stca_mars_t2 --data /data/mars --out runs/stca_mars_t2
    Hours: 1.2 on one A100, derived, not measured: 19.9 G multiply-adds a clip, 105,750 steps of 32 at most.
    The paper's figure: rank-1 89.4, mAP 86.5 (table 3; its protocol is not stated).
    """
    return paper_run("stca_mars_t2", clip_len=2)


def stca_mars_t4() -> RunConfig:
    """As `stca_mars`, with 4 frames a clip.

    Command: stca train stca_mars_t4 --data /data/mars --out runs/stca_mars_t4
    Hours: 2.1 on one A100, derived, not measured: 35.2 G multiply-adds a clip, 105,750 steps of 32 at most.
    The paper's figure: rank-1 90.1, mAP 87.1 (table 3; its protocol is not stated).
    """
    return paper_run("stca_mars_t4", clip_len=4)


def stca_mars_t6() -> RunConfig:
    """As `stca_mars`, with 6 frames a clip.

    Command: stca train stca_mars_t6 --data /data/mars --out runs/stca_mars_t6
    Hours: 3.2 on one A100, derived, not measured: 52.4 G multiply-adds a clip, 105,750 steps of 32 at most.
    The paper's figure: rank-1 89.9, mAP 87.0 (table 3; its protocol is not stated).
    """
    return paper_run("stca_mars_t6", clip_len=6)


def stca_mars_t10() -> RunConfig:
    """As `stca_mars`, with 10 frames a clip.

    Command: stca train stca_mars_t10 --data /data/mars --out runs/stca_mars_t10
    Hours: 5.3 on one A100, derived, not measured: 87.6 G multiply-adds a clip, 105,750 steps of 32 at most.
    The paper's figure: rank-1 89.6, mAP 86.7 (table 3; its protocol is not stated).
    """
    return paper_run("stca_mars_t10", clip_len=10)


def stca_mars_t12() -> RunConfig:
    """As `stca_mars`, with 12 frames a clip.

    Command: stca train stca_mars_t12 --data /data/mars --out runs/stca_mars_t12
    Hours: 6.2 on one A100, derived, not measured: 102.9 G multiply-adds a clip, 105,750 steps of 32 at most.
    The paper's figure: rank-1 89.5, mAP 86.5 (table 3; its protocol is not stated).
    """
    return paper_run("stca_mars_t12", clip_len=12)


def stca_mars_euclidean() -> RunConfig:
    """As `stca_mars`, with triplets mined by euclidean distance.

    Command: stca train stca_mars_euclidean --data /data/mars --out runs/stca_mars_euclidean
    Hours: 4.1 on one A100, derived, not measured: 67.7 G multiply-adds a clip, 105,750 steps of 32 at most.
    The paper's figure: rank-1 87.4, mAP 83.5 scored by cosine, 85.5 and 80.6 by `stca evaluate
    --metric euclidean` (table 4; its protocol is not stated).
    """
    return paper_run("stca_mars_euclidean", metric="euclidean")
