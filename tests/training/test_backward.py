"""Loss and gradients of one batch."""

import copy

import pytest
import torch
from lightning_fabric import Fabric
from torch import Tensor

from stca.clips import normalise
from stca.errors import ConfigError
from stca.losses import ReIDObjective
from stca.models import ReIDModel, create_model
from stca.training import backward
from trained import model_of


def batch_of(clips: int = 8) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    frames = torch.randint(256, (clips, 2, 32, 16, 3), dtype=torch.uint8, generator=generator)
    return normalise(frames), torch.arange(clips) // 2


def gradients(
    model: ReIDModel, objective: ReIDObjective, micro_batch: int | None, **options: bool
) -> tuple[Tensor, dict[str, Tensor]]:
    model.zero_grad()
    objective.zero_grad()
    clips, ids = batch_of()
    losses = backward(
        Fabric(accelerator="cpu", devices=1),
        model,
        objective,
        clips,
        ids,
        micro_batch=micro_batch,
        **options,
    )
    named = [*model.named_parameters(), *objective.named_parameters()]
    return torch.stack(list(losses)).detach(), {n: p.grad.clone() for n, p in named if p.grad is not None}


def test_a_piece_holds_as_many_persons_as_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch norm that saw one person's clips only would take out who it is."""
    model, objective = model_of(), ReIDObjective(4, 128)
    clips, ids = batch_of()
    seen = []
    real = model.features

    def recording(piece: Tensor) -> Tensor:
        seen.append([int(ids[i]) for clip in piece for i in range(len(clips)) if torch.equal(clip, clips[i])])
        return real(piece)

    monkeypatch.setattr(model, "features", recording)
    backward(Fabric(accelerator="cpu", devices=1), model, objective, clips, ids, micro_batch=4)
    assert [sorted(piece) for piece in seen] == [[0, 1, 2, 3]] * 4


@pytest.mark.parametrize("micro_batch", [1, 2, 3, 8, 100])
def test_pieces_give_the_gradient_of_the_whole_batch(micro_batch: int) -> None:
    # A loss by pieces would miss most pairs, and with pieces of one all of them.
    torch.manual_seed(0)
    model, objective = model_of().eval(), ReIDObjective(4, 128, center_weight=0.1)
    losses, whole = gradients(model, objective, None)
    found, pieces = gradients(model, objective, micro_batch)
    torch.testing.assert_close(found, losses, rtol=1e-5, atol=1e-6)
    assert losses[1] > 0, "the triplet loss is there"
    assert (
        set(pieces)
        == set(whole)
        == {n for n, p in model.named_parameters() if p.requires_grad} | {"center.centers"}
    )
    for name, gradient in whole.items():
        scale = float(gradient.abs().max())
        torch.testing.assert_close(pieces[name], gradient, rtol=1e-4, atol=1e-5 * scale + 1e-9, msg=name)


def test_running_statistics_see_every_piece_once() -> None:
    model, objective = model_of().train(), ReIDObjective(4, 128)
    reference = copy.deepcopy(model)
    clips, _ = batch_of()
    gradients(model, objective, 4)
    with torch.no_grad():
        reference.head(torch.cat([reference.features(clips[first::2]) for first in range(2)]))  # dealt out
    for (name, found), expected in zip(model.named_buffers(), reference.buffers(), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6, msg=name)


@pytest.mark.parametrize("checkpoint_activations", [False, True])
def test_norms_are_as_before_after_a_failure(
    monkeypatch: pytest.MonkeyPatch, checkpoint_activations: bool
) -> None:
    model = model_of().train()
    before = [dict(vars(module)) for module in model.modules()]
    names = list(model.state_dict())

    def fail(*_: object) -> None:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(model.stream2d, "forward", fail)
    monkeypatch.setattr(model.stream2d, "stem", fail)
    with pytest.raises(RuntimeError, match="out of memory"):
        gradients(model, ReIDObjective(4, 128), 4, checkpoint_activations=checkpoint_activations)
    monkeypatch.undo()
    assert [dict(vars(module)) for module in model.modules()] == before
    assert list(model.state_dict()) == names


NETWORKS = {
    "stca_small": {},
    "stca_small, C3D": {"backbone3d": "c3d"},
    "cnn2d_small": {},
    "cnn3d_small": {},
    "concat_small": {},
}


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
@pytest.mark.parametrize("micro_batch", [None, 3])
@pytest.mark.parametrize("name", NETWORKS)
def test_activations_computed_again_change_nothing(
    name: str, micro_batch: int | None, precision: str
) -> None:
    """Losses, gradients and running statistics to the bit; the head and the stems still keep theirs."""
    results, kept = [], []
    clips, ids = batch_of()
    for again in (False, True):
        torch.manual_seed(0)
        model = create_model(
            name.split(",")[0], num_ids=4, image_size=(32, 16), width=4, **NETWORKS[name]
        ).train()
        objective = ReIDObjective(4, model.embedding_dim, center_weight=0.1)
        sizes = []

        def pack(tensor: Tensor, sizes: list[int] = sizes) -> Tensor:
            sizes.append(tensor.numel() * tensor.element_size())
            return tensor

        fabric = Fabric(accelerator="cpu", devices=1, precision=precision)
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            losses = backward(
                fabric, model, objective, clips, ids, micro_batch=micro_batch, checkpoint_activations=again
            )
        named = [*model.named_parameters(), *objective.named_parameters()]
        results.append(
            {
                "losses": torch.stack(list(losses)).detach(),
                **{f"gradient {name}": p.grad for name, p in named if p.grad is not None},
                **model.state_dict(),
            }
        )
        kept.append(sum(sizes))
    most = 0.65 if "bf16" in precision else 0.6  # in bf16 the 3D stem keeps its frames once per tap
    assert kept[1] < most * kept[0]
    plain, recomputed = results
    assert plain.keys() == recomputed.keys()
    for key, tensor in plain.items():
        assert torch.equal(tensor, recomputed[key]), key
    assert any("num_batches_tracked" in key and tensor > 0 for key, tensor in plain.items())


def test_a_model_without_stages_has_no_activations_to_compute_again() -> None:
    class Flat(ReIDModel):
        def __init__(self) -> None:
            super().__init__(image_size=(32, 16))
            self.embedding_dim, self.head = 3, model_of().head

    with pytest.raises(ConfigError, match="checkpoint_activations=false"):
        gradients(Flat(), ReIDObjective(4, 3), None, checkpoint_activations=True)
