"""The baselines of the paper on MARS (table 2)."""

from __future__ import annotations

from stca.config import RunConfig
from stca.recipes.common import paper_run


def cnn2d_mars() -> RunConfig:
    """2D baseline, ResNet50-IBN-a alone, on MARS, 384x128, cosine mining, 500 epochs.

    Command: stca train cnn2d_mars --data /data/mars --out runs/cnn2d_mars
    Hours: 3.3 on one A100, derived, not measured: 48.6 G multiply-adds a clip, 117,500 steps of 32 at most.
    The paper's figure: rank-1 87.9, mAP 82.2 (table 2; its protocol is not stated).
    """
    return paper_run("cnn2d_mars", model="cnn2d", epochs=500)


def cnn2d_mars_256() -> RunConfig:
    """2D baseline, ResNet50-IBN-a alone, on MARS, 256x128, cosine mining, 500 epochs.

    Command: stca train cnn2d_mars_256 --data /data/mars --out runs/cnn2d_mars_256
    Hours: 2.2 on one A100, derived, not measured: 32.4 G multiply-adds a clip, 117,500 steps of 32 at most.
    The paper's figure: rank-1 87.1, mAP 81.3 (table 2; its protocol is not stated).
    """
    return paper_run("cnn2d_mars_256", model="cnn2d", image_size=(256, 128), epochs=500)


def cnn2d_mars_euclidean() -> RunConfig:
    """2D baseline, ResNet50-IBN-a alone, on MARS, 384x128, euclidean mining, 800 epochs.

    Command: stca train cnn2d_mars_euclidean --data /data/mars --out runs/cnn2d_mars_euclidean
    Hours: 5.2 on one A100, derived, not measured: 48.6 G multiply-adds a clip, 188,000 steps of 32 at most.
    The paper's figure: rank-1 84.5, mAP 77.4 (table 2; its protocol is not stated).
    """
    return paper_run("cnn2d_mars_euclidean", model="cnn2d", metric="euclidean", epochs=800)


def cnn2d_mars_euclidean_256() -> RunConfig:
    """2D baseline, ResNet50-IBN-a alone, on MARS, 256x128, euclidean mining, 800 epochs.

    Command: stca train cnn2d_mars_euclidean_256 --data /data/mars --out runs/cnn2d_mars_euclidean_256
    Hours: 3.5 on one A100, derived, not measured: 32.4 G multiply-adds a clip, 188,000 steps of 32 at most.
    The paper's figure: rank-1 83.1, mAP 75.8 (table 2; its protocol is not stated).
    """
    return paper_run(
        "cnn2d_mars_euclidean_256", model="cnn2d", image_size=(256, 128), metric="euclidean", epochs=800
    )


def cnn3d_mars() -> RunConfig:
    """3D baseline, ResNet3D-50 alone, on MARS, 384x128, cosine mining, 500 epochs.

    Command: stca train cnn3d_mars --data /data/mars --out runs/cnn3d_mars
    Hours: 1.4 on one A100, derived, not measured: 20.2 G multiply-adds a clip, 117,500 steps of 32 at most.
    The paper's figure: rank-1 85.9, mAP 77.2 (table 2; its protocol is not stated).
    """
    return paper_run("cnn3d_mars", model="cnn3d", epochs=500)


def cnn3d_mars_256() -> RunConfig:
    """3D baseline, ResNet3D-50 alone, on MARS, 256x128, cosine mining, 500 epochs.

    Command: stca train cnn3d_mars_256 --data /data/mars --out runs/cnn3d_mars_256
    Hours: 0.9 on one A100, derived, not measured: 13.5 G multiply-adds a clip, 117,500 steps of 32 at most.
    The paper's figure: rank-1 83.6, mAP 75.2 (table 2; its protocol is not stated).
    """
    return paper_run("cnn3d_mars_256", model="cnn3d", image_size=(256, 128), epochs=500)


def cnn3d_mars_euclidean() -> RunConfig:
    """3D baseline, ResNet3D-50 alone, on MARS, 384x128, euclidean mining, 800 epochs.

    Command: stca train cnn3d_mars_euclidean --data /data/mars --out runs/cnn3d_mars_euclidean
    Hours: 2.2 on one A100, derived, not measured: 20.2 G multiply-adds a clip, 188,000 steps of 32 at most.
    The paper's figure: rank-1 81.3, mAP 73.5 (table 2; its protocol is not stated).
    """
    return paper_run("cnn3d_mars_euclidean", model="cnn3d", metric="euclidean", epochs=800)


def cnn3d_mars_euclidean_256() -> RunConfig:
    """3D baseline, ResNet3D-50 alone, on MARS, 256x128, euclidean mining, 800 epochs.

    Command: stca train cnn3d_mars_euclidean_256 --data /data/mars --out runs/cnn3d_mars_euclidean_256
    Hours: 1.4 on one A100, derived, not measured: 13.5 G multiply-adds a clip, 188,000 steps of 32 at most.
    The paper's figure: rank-1 78.1, mAP 70.5 (table 2; its protocol is not stated).
    """
    return paper_run(
        "cnn3d_mars_euclidean_256", model="cnn3d", image_size=(256, 128), metric="euclidean", epochs=800
    )


def concat_mars() -> RunConfig:
    """2D and 3D vectors side by side on MARS, 384x128, cosine mining, 500 epochs.

    Command: stca train concat_mars --data /data/mars --out runs/concat_mars
    Hours: 4.6 on one A100, derived, not measured: 68.8 G multiply-adds a clip, 117,500 steps of 32 at most.
    The paper's figure: rank-1 86.6, mAP 83.1 (table 2; its protocol is not stated).
    """
    return paper_run("concat_mars", model="concat", epochs=500)


def concat_mars_256() -> RunConfig:
    """2D and 3D vectors side by side on MARS, 256x128, cosine mining, 500 epochs.

    Command: stca train concat_mars_256 --data /data/mars --out runs/concat_mars_256
    Hours: 3.1 on one A100, derived, not measured: 45.9 G multiply-adds a clip, 117,500 steps of 32 at most.
    The paper's figure: rank-1 86.9, mAP 81.9 (table 2; its protocol is not stated).
    """
    return paper_run("concat_mars_256", model="concat", image_size=(256, 128), epochs=500)
