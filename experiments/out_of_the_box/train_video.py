"""Teach a trained network which frames of a clip to trust.

python -m experiments.out_of_the_box.train_video --shared ../shared --run RUN --out FILE.safetensors

The network that reads frames stays as it is; what is learnt is `pooling=attention`, by clips of which some
frames are damaged. The target is the network's own mean over the same frames before the damage.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from experiments.out_of_the_box.learning.student import vectors_and_shares
from experiments.out_of_the_box.pictures.clips import Clip, make_clip
from experiments.out_of_the_box.pictures.making import shrink
from experiments.out_of_the_box.pictures.material import load_material
from experiments.out_of_the_box.ship import read_average
from jaxtyping import Float
from torch import Tensor

from stca.models import ReIDModel, create_model, save_model
from stca.models.temporal_pooling import TemporalAttention


def main() -> None:
    """Parse, make clips, learn, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, required=True, help="folder of the raw material")
    parser.add_argument("--run", type=Path, required=True, help="folder of the training")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.safetensors", help="where to")
    parser.add_argument("--clips", type=int, default=600, help="to learn from")
    parser.add_argument("--steps", type=int, default=1500, help="of 64 clips")
    parser.add_argument("--seed", type=int, default=0, help="of chance")
    given = parser.parse_args()
    torch.set_num_threads(1)
    model, _ = read_average(given.run / "checkpoint.pt")
    material, _ = load_material(given.shared, given.run)
    clips = (make_clip(material, seed=given.seed, index=index) for index in range(given.clips))
    seen, targets = (torch.cat(each) for each in zip(*(look(model, clip) for clip in clips), strict=True))
    torch.manual_seed(given.seed)
    pooling = learn_pooling(seen, targets, steps=given.steps)
    save_model(with_pooling(model, pooling), given.out, half=True)


def frame_vectors(model: ReIDModel, frames: np.ndarray) -> Float[Tensor, "T D"]:
    """The vectors of pictures of any size."""
    with torch.no_grad():
        return vectors_and_shares(model, torch.from_numpy(shrink(frames, model.image_size)))[0]


def look(model: ReIDModel, clip: Clip) -> tuple[Float[Tensor, "1 T D"], Float[Tensor, "1 D"]]:
    """The vectors of the frames as they are seen, and their mean before the damage."""
    clean = frame_vectors(model, clip.clean)
    seen = clean.clone()
    if clip.damaged.any():
        seen[torch.from_numpy(clip.damaged)] = frame_vectors(model, clip.seen[clip.damaged])
    return seen[None], clean.mean(dim=0, keepdim=True)


def learn_pooling(
    seen: Float[Tensor, "N T D"], targets: Float[Tensor, "N D"], *, steps: int, batch: int = 64
) -> TemporalAttention:
    """Weights over time by which damaged clips come near their targets; at first they are all the same."""
    pooling = TemporalAttention(seen.shape[2])
    torch.nn.init.zeros_(pooling.score.weight)
    torch.nn.init.zeros_(pooling.score.bias)
    optimizer = torch.optim.AdamW(pooling.parameters(), lr=2e-3, weight_decay=0.01)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = 2e-3 * (1 - step / steps)
        rows = torch.randint(len(seen), (batch,))
        loss = 1 - F.cosine_similarity(pooling(seen[rows]), targets[rows]).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 250 == 0:
            print(f"step {step}: 1 - cosine {float(loss.detach()):.4f}", flush=True)
    return pooling.eval()


def with_pooling(model: ReIDModel, pooling: TemporalAttention) -> ReIDModel:
    """The network with this pooling over time."""
    video = create_model("cnn2d_mobile", num_ids=1, pooling="attention")
    state = {**model.state_dict(), **{f"pooling.{name}": t for name, t in pooling.state_dict().items()}}
    video.load_state_dict(state)
    return video.eval()


if __name__ == "__main__":
    main()
