"""Every peer is the official network: same weights, same clips, same answers."""

import functools
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from official_peers import OFFICIAL, RECORDED, TOLERANCE, error, meta
from stca.models import PEERS, ReIDModel, WeightsReport, load_weights

Loaded = tuple[str, ReIDModel, WeightsReport]


def cosam_maps(model: ReIDModel, clips: Tensor) -> dict[str, Tensor]:
    first = 3 if model.se else 2
    found = {}
    for number, common in enumerate(model.common(clips), first):
        found[f"spatial_mask_{number}"] = common.masks.flatten(2).flatten(0, 1)
        found[f"channel_gate_{number}"] = common.gates.repeat_interleave(clips.shape[1], dim=0)
    return found


def _grl(model: ReIDModel, clips: Tensor) -> dict[str, Tensor]:
    parts = model.parts(clips)
    return {
        "uncorrelated": parts.uncorrelated,
        "frames_correlated": parts.frames,
        "attended": parts.attended,
        "correlation_map": parts.correlation.flatten(2),
        "attention_probe": model.pool(_unit_rows(clips.shape[1])),
    }


def _unit_rows(frames: int) -> Tensor:
    """Random vectors of length one, since those of a clip's frames hardly differ (`peers.json`, notes)."""
    rows = np.random.default_rng(77 + frames).standard_normal((2, frames, 2048)).astype(np.float32)
    return torch.nn.functional.normalize(torch.from_numpy(rows), dim=-1)[:1]


MAPS: dict[str, Callable[[ReIDModel, Tensor], dict[str, Tensor]]] = {
    "AP3D": lambda model, clips: {"frames": model.frame_vectors(clips)},
    "coSAM": cosam_maps,
    "TCLNet": lambda model, clips: {
        "after_bn": torch.cat([half.embedding for half in model.head.halves(model(clips).pooled)], dim=1)
    },
    "SINet": lambda model, clips: {"frames_after_bn": model.frame_embeddings(clips)},
    "GRL": lambda model, clips: _grl(model, clips),
}
"""By system: what was recorded beside vectors and logits, by its name in the official outputs."""

TRUNKS = {
    "AP3D": "frame_vectors",
    "coSAM": "_third",
    "TCLNet": "features",
    "SINet": "_frames",
    "GRL": "_parts",
}
"""By system: what takes long, and is the same for the vectors and for these maps."""


def test_outputs_are_the_official_ones(
    loaded: Loaded, official: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, model, _ = loaded
    frames = PEERS[name].clip_len
    clips = official.clips(name, frames)[:1]
    if trunk := TRUNKS.get(PEERS[name].system):
        monkeypatch.setattr(model, trunk, functools.cache(getattr(model, trunk)))
    with torch.inference_mode():
        found = model(clips)._asdict()
        recorded = {key.removeprefix(f"t{frames}_"): value for key, value in official.outputs(name).items()}
        if recorded.keys() - found.keys():
            found |= MAPS[PEERS[name].system](model, clips)
    errors = {key: error(found[key], value) for key, value in recorded.items()}
    assert max(errors.values()) <= TOLERANCE, errors


def test_every_tensor_of_the_official_checkpoint_is_used(loaded: Loaded, official: ModuleType) -> None:
    name, model, report = loaded
    assert report.layout == f"official {PEERS[name].system}"
    assert report.unused == report.missing == ()
    assert sorted(report.used) == sorted(model.state_dict())
    assert len(report.used) == len(official.shapes(name))


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in OFFICIAL if len(RECORDED[name]["frames"]) > 1])
def test_clips_of_the_other_length_have_the_official_norms_and_differences(
    official: ModuleType, tmp_path: Path, name: str
) -> None:
    frames, checks = RECORDED[name]["frames"][1], RECORDED[name]["checks"]
    save_file(official.state_dict(name, frames), tmp_path / "other.safetensors")
    model = meta(name, clip_len=frames).to_empty(device="cpu")
    load_weights(model, tmp_path / "other.safetensors")
    clips = official.clips(name, frames)
    with torch.inference_mode():
        found, backwards = model(clips).embedding, model(clips.flip(1)).embedding
    norm = found.norm(dim=1).mean()
    torch.testing.assert_close(float(norm), RECORDED[name]["embedding_norm"][str(frames)], rtol=1e-5, atol=0)
    between = (found[1] - found[0]).norm() / found[0].norm()
    turned = ((backwards - found).norm(dim=1) / found.norm(dim=1)).max()
    for value, key in ((between, "clip_reldiff"), (turned, "reverse_time_reldiff")):
        torch.testing.assert_close(float(value), checks[f"{key}_t{frames}"], rtol=1e-4, atol=2e-6)
