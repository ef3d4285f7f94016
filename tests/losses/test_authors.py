"""The objectives of the peers' authors, term by term, against sums that are written down slowly."""

import math

import pytest
import torch
from torch import Tensor

from small_peers import clips_for, small_peer
from stca.losses import AUTHORS, ReIDObjective
from stca.models import PEERS

IDS = torch.arange(8) // 2
CENTER = 0.01


def judged(name: str, **settings: float):
    """Model, its authors' objective and what that says of a batch, in evaluation mode."""
    model = small_peer(name).eval()
    objective = AUTHORS[PEERS[name].system](4, model.embedding_dim, center_weight=CENTER, **settings).eval()
    with torch.no_grad():
        return model, objective, objective.batch_loss(model, objective.clip_rows(model, clips_for(name)), IDS)


def cosine_triplet(features: Tensor, ids: Tensor, margin: float = 0.3) -> float:
    unit = torch.nn.functional.normalize(features, dim=1)
    distance = 1 - unit @ unit.T
    costs = []
    for anchor in range(len(ids)):
        far = max(float(distance[anchor, o]) for o in range(len(ids)) if ids[o] == ids[anchor])
        near = min(float(distance[anchor, o]) for o in range(len(ids)) if ids[o] != ids[anchor])
        costs.append(max(0.0, margin + far - near))
    return sum(costs) / len(costs)


def cross_entropy(logits: Tensor, ids: Tensor, smoothing: float = 0.1) -> float:
    total = 0.0
    for row, person in zip(logits.tolist(), ids.tolist(), strict=True):
        log = math.log(sum(math.exp(x) for x in row))
        wanted = [smoothing / len(row) + (1 - smoothing) * (n == person) for n in range(len(row))]
        total += sum(w * (log - x) for w, x in zip(wanted, row, strict=True))
    return total / len(ids)


def check(name: str, outputs, terms: float, objective, pooled: Tensor, parts) -> None:
    triplet = sum(cosine_triplet(features, ids) for features, _, ids in outputs)
    identity = sum(cross_entropy(logits, ids) for _, logits, ids in outputs)
    own = objective.center.centers[IDS]
    center = sum(float((v - c).square().sum()) / 2 for v, c in zip(pooled, own, strict=True)) / 8
    expected = torch.tensor([triplet + identity + CENTER * center + terms, triplet, identity, center, terms])
    torch.testing.assert_close(torch.stack(list(parts)), expected, rtol=1e-3, atol=1e-4, msg=name)


@torch.no_grad()
def test_psta_sums_its_levels() -> None:
    model, objective, parts = judged("psta")
    levels = model.levels(clips_for("psta"))
    outputs = [(level.pooled, level.logits, IDS) for level in levels]
    check("psta", outputs, 0.0, objective, levels[-1].pooled, parts)


@torch.no_grad()
def test_tclnet_sums_its_halves() -> None:
    model, objective, parts = judged("tclnet")
    pooled = model.features(clips_for("tclnet"))
    outputs = [(half.pooled, half.logits, IDS) for half in model.head.halves(pooled)]
    check("tclnet", outputs, 0.0, objective, pooled, parts)


@torch.no_grad()
def test_stmn_classifies_frames_too_and_spreads_its_memories() -> None:
    model, objective, parts = judged("stmn")
    seen = model.parts(clips_for("stmn"))
    of_frames = torch.tensor([int(person) for person in IDS for _ in range(4)])
    outputs = [(seen.frames.pooled, seen.frames.logits, of_frames), (*seen.clips[::2], IDS)]
    terms = 0.0
    for match in (seen.spatial_match, seen.temporal_match):
        mean = match.mean(dim=0).tolist()
        terms += 1 + sum(share * math.log(share) for share in mean) / math.log(len(mean))
    check("stmn", outputs, terms, objective, seen.clips.pooled, parts)


@torch.no_grad()
def test_bicnet_keeps_the_maps_of_a_group_apart() -> None:
    model, objective, parts = judged("bicnet_tks")
    clips = clips_for("bicnet_tks")
    output, overlaps = model(clips), []
    for group in model.row_weights(clips).flatten(0, 1):
        overlaps += [float((group[a] * group[b]).sqrt().sum()) for a in range(4) for b in range(a)]
    outputs = [(output.pooled, output.logits, IDS)]
    check("bicnet_tks", outputs, sum(overlaps) / len(overlaps), objective, output.pooled, parts)


@torch.no_grad()
def test_sta_keeps_the_maps_of_a_clip_together() -> None:
    model, objective, parts = judged("sta")
    clips = clips_for("sta")
    output, differences = model(clips), []
    for maps in model.attention(clips):
        differences += [float((maps[a] - maps[b]).norm()) for a in range(4) for b in range(a)]
    outputs = [(output.pooled, output.logits, IDS)]
    check("sta", outputs, sum(differences) / len(differences), objective, output.pooled, parts)


@torch.no_grad()
def test_gltr_has_the_id_loss_alone_and_trinet_the_triplet_loss() -> None:
    model, objective, parts = judged("gltr")
    objective.triplet = None  # is not computed
    objective.batch_loss(model, objective.clip_rows(model, clips_for("gltr")), IDS)
    identity = cross_entropy(model(clips_for("gltr")).logits, IDS)
    torch.testing.assert_close(float(parts.total), identity, rtol=1e-4, atol=0)
    model, _, parts = judged("trinet")
    vectors, costs = model(clips_for("trinet")).embedding, []
    for anchor in range(8):
        distance = [float((vectors[anchor] - other).norm()) for other in vectors]
        far = max(distance[o] for o in range(8) if IDS[o] == IDS[anchor])
        near = min(distance[o] for o in range(8) if IDS[o] != IDS[anchor])
        costs.append(math.log(1 + math.exp(far - near)))
    torch.testing.assert_close(float(parts.total), sum(costs) / 8, rtol=1e-3, atol=1e-4)


@torch.no_grad()
def test_grl_matches_its_parts_with_tables_and_asks_of_pairs() -> None:
    model, objective, _ = judged("grl")
    torch.manual_seed(2)
    for matching in objective.matching:
        matching.table = torch.nn.functional.normalize(torch.randn_like(matching.table), dim=1)
    clips = clips_for("grl")
    parts = objective.batch_loss(model, objective.clip_rows(model, clips), IDS)
    seen, identity = model.parts(clips), 0.0
    vectors = (seen.uncorrelated, seen.attended, seen.frames.mean(dim=1))
    for matching, rows in zip(objective.matching, vectors, strict=True):
        cosines = torch.nn.functional.normalize(rows, dim=1) @ matching.table.T
        identity += cross_entropy(cosines / 0.1, IDS, smoothing=0.0)
    pairs = [(a, b) for a in range(8) for b in range(a + 1, 8)]
    logits = torch.cat([model.verification(seen.attended[[a]], seen.attended[[b]]) for a, b in pairs])
    same = cross_entropy(logits, torch.tensor([int(IDS[a] == IDS[b]) for a, b in pairs]), smoothing=0.0)
    torch.testing.assert_close(parts.identity, torch.tensor(identity), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(parts.total, torch.tensor(identity + same), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", ["nvan", "psta"])
def test_a_peer_can_be_trained_by_stcas_losses_too(name: str) -> None:
    model, clips = small_peer(name).eval(), clips_for(name)
    objective = ReIDObjective(4, model.embedding_dim)
    with torch.no_grad():
        output = model(clips)
        expected = objective(output.pooled, output.logits, IDS)
        torch.testing.assert_close(
            objective.batch_loss(model, objective.clip_rows(model, clips), IDS), expected
        )
