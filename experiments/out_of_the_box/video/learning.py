"""STCA on top of the frame network that ships: what the clip says changes what is read in each frame.

The frame network stays as it is. The 3D stream, the attention and what brings both to the same channels
learn that a clip with damaged frames has the vector that the teacher gives to its clean frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from experiments.out_of_the_box.making.material import load_material
from experiments.out_of_the_box.making.pictures import shrink
from experiments.out_of_the_box.teaching.curve import Curve
from experiments.out_of_the_box.teaching.feeding import ahead
from experiments.out_of_the_box.teaching.loop import RunSettings, Trainee, train
from experiments.out_of_the_box.teaching.objective import RELATIONS, distances
from experiments.out_of_the_box.teaching.states import read_state
from experiments.out_of_the_box.teaching.student import SIZE, has_bf16
from experiments.out_of_the_box.teaching.teachers import Teacher, teacher_path
from experiments.out_of_the_box.video.clip_lessons import (
    ClipBatch,
    apart_clips,
    make_clip_arrays,
    targets,
)
from experiments.out_of_the_box.watching import APART_SEED
from jaxtyping import Float, UInt8
from torch import Tensor

from stca.clips.transforms import normalise
from stca.models import ReIDModel, create_model

FRAMES_SHARE = 0.5
_START = 0.1
"""Of the clip's features beside the frame's, when the training begins."""
_APART = 96
_KEPT = ("stream2d", "space")
"""Parts of the frame network, which do not learn."""


def create_video_student(state: Path) -> ReIDModel:
    """`stca_mobile` whose 2D stream is the frame network of `state`, and whose clip hardly speaks yet."""
    frames = create_model("cnn2d_mobile", num_ids=1, image_size=SIZE)
    read_state(state, frames)
    model = create_model("stca_mobile", num_ids=1, image_size=SIZE, pooling="consensus")
    for part in _KEPT:
        learnt = model.get_submodule(part)
        learnt.load_state_dict(frames.get_submodule(part).state_dict())
        learnt.requires_grad_(False)
    torch.nn.init.constant_(model.get_parameter("project.1.weight"), _START)
    return model


def read_video_student(checkpoint: Path) -> tuple[ReIDModel, ReIDModel]:
    """The mean of a training's weights, to be evaluated, and its 2D stream as a network of frames alone."""
    model = create_model("stca_mobile", num_ids=1, image_size=SIZE, pooling="consensus")
    model.load_state_dict(torch.load(checkpoint, map_location="cpu", weights_only=True)["average"])
    frames = create_model("cnn2d_mobile", num_ids=1, image_size=SIZE)
    for part in _KEPT:
        frames.get_submodule(part).load_state_dict(model.get_submodule(part).state_dict())
    return model.eval(), frames.eval()


def learn_mode(model: ReIDModel) -> ReIDModel:
    """What learns in training mode, and the frame network as it was left."""
    model.train()
    for part in _KEPT:
        model.get_submodule(part).eval()
    return model


def clip_vectors(
    model: ReIDModel, clips: UInt8[Tensor, "B T H W 3"]
) -> tuple[Float[Tensor, "B D"], Float[Tensor, "B T D"]]:
    """Of the clips, and of their frames."""
    with torch.autocast("cpu", torch.bfloat16, enabled=model.training and has_bf16()):
        maps = model.frame_maps(normalise(clips))
    frames = model.get_submodule("space")(maps.float())
    return model.get_submodule("pooling")(frames), frames


def compare_clips(
    clips: Float[Tensor, "B D"], frames: Float[Tensor, "B T D"], wanted: Float[Tensor, "B D"]
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The loss, and its parts: 1 - cosine of clips and of frames, squared difference of similarities."""
    cosine, relations = distances(clips, wanted)
    single = 1 - (F.normalize(frames, dim=2) * F.normalize(wanted)[:, None]).sum(dim=2).mean()
    return cosine + FRAMES_SHARE * single + RELATIONS * relations, cosine, single, relations


def learn(settings: RunSettings, state: Path) -> None:
    """Learn until the steps are done, the hours are over, or SIGTERM or SIGINT asks to stop; then save."""
    torch.manual_seed(settings.seed)
    trainee = Trainee(learn_mode(create_video_student(state)), settings.out, rate=settings.rate)
    trainee.restore()
    curve = clip_curve(settings.shared, settings.out, trainee.average.model)

    def take_step(batch: ClipBatch, rate: float) -> list[float]:
        found = clip_vectors(trainee.model, batch.clips)
        return trainee.descend(compare_clips(*found, batch.targets), rate)

    make = partial(make_clip_arrays, settings.shared, settings.out, settings.batch, settings.seed)
    with ahead(make, first=trainee.step) as items:
        batches = (ClipBatch(torch.from_numpy(a), torch.from_numpy(b), seconds) for a, b, seconds in items)
        train(trainee, batches, take_step, settings, curve)


def clip_curve(shared: Path, out: Path, model: ReIDModel) -> Curve:
    """Watches the cosine to the teacher on clips of people kept apart: damaged ones, and clean ones."""
    _, material = load_material(shared, out)
    clips = apart_clips(material, count=_APART, seed=APART_SEED)
    truth = targets(clips, Teacher(teacher_path(shared, "0277"), threads=1))
    kinds = {
        "damaged": np.stack([shrink(clip.seen, SIZE) for clip in clips]),
        "clean": np.stack([shrink(clip.clean, SIZE) for clip in clips]),
    }

    @torch.no_grad()
    def figures(losses: Sequence[float]) -> dict[str, object]:
        total, cosine, single, relations = losses
        line: dict[str, object] = {
            "loss": round(total, 4),
            "cosine": round(1 - cosine, 4),
            "frames": round(1 - single, 4),
            "relations": round(relations, 5),
        }
        for kind, seen in kinds.items():
            found = [
                clip_vectors(model, torch.from_numpy(part))[0] for part in np.array_split(seen, _APART // 8)
            ]
            line[f"{kind} apart"] = round(float(F.cosine_similarity(torch.cat(found), truth).mean()), 4)
        return line

    return Curve(out / "curve.csv", figures)
