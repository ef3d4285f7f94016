"""The systems without official code are what their papers' formulas say, written down slowly."""

import pytest
import torch
from torch import Tensor

from official_peers import OFFICIAL, meta
from stca.errors import ConfigError
from stca.models import PEERS, create_model
from stca.models.peers.papers import PAPER_PEERS
from stca.models.peers.papers.gltr import GLTR
from stca.models.peers.papers.sta import STA, attention_map, fuse_stripes, stripe_scores
from stca.models.peers.papers.stcan import STCAN, SegmentsOverTime
from stca.models.peers.papers.trinet import TriNet

SIZE = (64, 32)


def made(name: str) -> torch.nn.Module:
    torch.manual_seed(0)
    model = create_model(name, num_ids=3, image_size=SIZE)
    for key, buffer in model.named_buffers():
        if key.endswith("running_var"):
            buffer.uniform_(0.5, 1.5)
    return model.eval()


def test_they_are_in_the_table_and_no_official_code_is_claimed() -> None:
    assert set(PAPER_PEERS) == set(PEERS) - set(OFFICIAL)
    for name in PAPER_PEERS:
        assert meta(name).system == PEERS[name].system


def test_trinet_has_the_papers_number_of_parameters() -> None:
    assert sum(each.numel() for each in meta("trinet").parameters()) == 25_739_456  # 25.74 M in the paper


def test_a_vector_of_trinet_is_the_mean_of_those_of_the_frames_whatever_their_order() -> None:
    model = made("trinet")
    assert isinstance(model, TriNet)
    clips = torch.randn(2, 3, 3, *SIZE)
    with torch.inference_mode():
        found = model(clips)
        frames = [model(clips[:, [t]]).embedding for t in range(3)]
    assert found.embedding.shape == (2, 128)
    assert found.logits.shape == (2, 0)
    torch.testing.assert_close(found.embedding, sum(frames) / 3, rtol=1e-4, atol=1e-6)


def slow_sta(maps: Tensor) -> Tensor:
    """Of one clip (T, C, h, w), stripe by stripe; the two maps are built, joined and averaged."""
    frames, channels, height, width = maps.shape
    rows = height // 4
    share = torch.zeros(frames, height, width, dtype=maps.dtype)
    for t in range(frames):
        energy = sum(maps[t, c] ** 2 for c in range(channels))
        share[t] = energy / energy.sum()
    picked, weighted = torch.zeros_like(maps[0]), torch.zeros_like(maps[0])
    for k in range(4):
        stripe = slice(k * rows, (k + 1) * rows)
        held = [float(share[t, stripe].sum()) for t in range(frames)]
        score = [each / sum(held) for each in held]
        picked[:, stripe] = maps[score.index(max(score)), :, stripe]
        weighted[:, stripe] = sum(score[t] * maps[t, :, stripe] for t in range(frames))
    return torch.cat((picked, weighted)).mean(dim=(1, 2))


def test_sta_fuses_stripes_as_the_paper_says() -> None:
    maps = torch.randn(3, 5, 6, 8, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    attention = attention_map(maps)
    torch.testing.assert_close(attention.sum(dim=(2, 3)), torch.ones(3, 5, dtype=torch.float64))
    found = fuse_stripes(maps, stripe_scores(attention))
    torch.testing.assert_close(found, torch.stack([slow_sta(each) for each in maps]))


def test_sta_takes_black_maps_and_shows_its_attention() -> None:
    zero = torch.zeros(1, 2, 4, 8, 4)
    assert fuse_stripes(zero, stripe_scores(attention_map(zero))).isfinite().all()
    model = made("sta")
    assert isinstance(model, STA)
    clips = torch.randn(1, 2, 3, *SIZE)
    with torch.inference_mode():
        torch.testing.assert_close(model.attention(clips).sum(dim=(2, 3)), torch.ones(1, 2))
        forwards, backwards = model(clips).embedding, model(clips.flip(1)).embedding
    torch.testing.assert_close(forwards, backwards, rtol=1e-4, atol=1e-6)
    with pytest.raises(ConfigError, match="multiple of 64"):
        create_model("sta", num_ids=3, image_size=(96, 32))


def slow_gltr(model: GLTR, vectors: Tensor) -> Tensor:
    """Of one clip's vectors (T, d), frame by frame."""
    frames, dim = vectors.shape
    over_time = torch.zeros(frames, 3 * dim)
    for t in range(frames):
        for n, branch in enumerate(model.pyramid.branches):
            total = branch.bias.clone()
            for tap in (-1, 0, 1):
                other = t + tap * 2**n
                if 0 <= other < frames:
                    total += branch.weight[:, :, tap + 1] @ vectors[other]
            over_time[t, n * dim : (n + 1) * dim] = total
    attention = model.attention

    def rectified(part: torch.nn.Sequential, vector: Tensor) -> Tensor:
        conv, norm, _ = part
        x = conv.weight[:, :, 0] @ vector + conv.bias
        x = (x - norm.running_mean) / (norm.running_var + norm.eps).sqrt() * norm.weight + norm.bias
        return x.clamp_min(0)

    total = torch.zeros(3 * dim)
    for query in over_time:
        products = torch.stack(
            [rectified(attention.query, query) @ rectified(attention.key, k) for k in over_time]
        )
        values = [attention.value.weight[:, :, 0] @ v + attention.value.bias for v in over_time]
        mixed = sum(w * v for w, v in zip(products.softmax(dim=0), values, strict=True))
        total += query + attention.expand.weight[:, :, 0] @ mixed + attention.expand.bias
    return total / frames


def test_gltr_sees_time_as_the_paper_says() -> None:
    model = made("gltr")
    assert isinstance(model, GLTR)
    clips = torch.randn(2, 6, 3, *SIZE)
    with torch.inference_mode():
        vectors = model.reduce(model.frame_maps(clips).mean(dim=(3, 4)))
        expected = torch.stack([slow_gltr(model, each) for each in vectors])
        found, backwards = model(clips).embedding, model(clips.flip(1)).embedding
    assert found.shape == (2, 384)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)
    assert (backwards - found).abs().max() > 1e-3 * found.abs().max(), "the order of frames counts"


def test_stcan_shuffles_segments_of_channels_between_its_convolutions_over_time() -> None:
    torch.manual_seed(0)
    part, channels, frames = SegmentsOverTime(16).double().eval(), 16, 5
    vectors = torch.rand(frames, channels, dtype=torch.float64)

    def convolved(layer: torch.nn.Sequential, x: Tensor) -> Tensor:
        conv, norm = layer
        out = torch.zeros_like(x)
        for t in range(frames):
            for c in range(channels):
                segment = range(c // 4 * 4, c // 4 * 4 + 4)
                for tap in (-1, 0, 1):
                    if 0 <= t + tap < frames:
                        seen = [x[t + tap, other] for other in segment]
                        out[t, c] += sum(w * v for w, v in zip(conv.weight[c, :, tap + 1], seen, strict=True))
        return out / (1 + norm.eps) ** 0.5

    middle = convolved(part.first, vectors).clamp_min(0)
    order = [segment * 4 + place for place in range(4) for segment in range(4)]
    expected = (vectors + convolved(part.second, middle[:, order])).clamp_min(0)
    torch.testing.assert_close(part(vectors.T[None])[0].T, expected)


def test_stcan_weighs_its_two_branches() -> None:
    model = made("stcan")
    assert isinstance(model, STCAN)
    clips = torch.randn(1, 3, 3, *SIZE)
    with torch.inference_mode():
        frames = model.frame_maps(clips).mean(dim=(3, 4))
        over_time = model.over_time(frames.transpose(1, 2)).mean(dim=2)
        model.fusion.copy_(torch.tensor([0.0, 3.0]).log1p())
        expected = 0.2 * frames.mean(dim=1) + 0.8 * over_time
        torch.testing.assert_close(model.features(clips), expected, rtol=1e-4, atol=1e-6)
