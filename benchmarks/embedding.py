"""Benchmark embedding from JPEG files, compared with the plain network and the peak performance.

    python benchmarks/embedding.py                       # all parts
    python benchmarks/embedding.py --parts full          # full STCA, 8 frames of 384x128: several minutes
    python benchmarks/embedding.py --parts full --compile    # torch.compile too: 15 minutes more
    python benchmarks/embedding.py --parts uneven        # 2,000 tracklets of 5 to 900 frames, stca_small
    python benchmarks/embedding.py --parts rank --model runs/x   # effect of precision on rank-1

Each part writes its own page. The plain network is eager float32 PyTorch, one clip at a time, without
decoding, as in the official code. Ours reads files with two workers, unless a row says "network alone".
Setting up a runtime (conversion, compilation, int8 calibration) happens once per data set and is reported
separately.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from ceilings import best_product, in_another_process
from made_footage import footage
from timing import ratios, spread, table, take_turns, write_page

from stca.clips import ClipBatch, Transform, dense_batches, normalise, sample_clips
from stca.datasets import load_dataset
from stca.embedding import embed_tracklets
from stca.evaluation import evaluate
from stca.inference import Plan, open_runtime
from stca.inference.plan import Precision, RuntimeName
from stca.models import ReIDModel, create_model
from stca.runs import open_model
from stca.tools.devices import resolve_device
from stca.tools.openvino_import import import_openvino
from stca.tracklets import Tracklet
from stca.walkers import make_walkers

SIZE, CLIP_LEN = (384, 128), 8
FEW_CLIPS = 4
"""Clips per round for slow runtimes."""
GFLOP = 2 * 67.672
"""GFLOP per clip of full STCA (stca complexity stca)."""
PAGES = {"full": "embedding", "uneven": "embedding-uneven", "rank": "embedding-precision"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parts = {"full": full, "uneven": uneven, "rank": rank_by_precision}
    parser.add_argument("--parts", nargs="+", choices=parts, default=list(parts))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clips", type=int, default=32, help="clips per round for fast runtimes")
    parser.add_argument("--compile", action="store_true", help="include torch.compile")
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="device of the part 'full'"
    )
    parser.add_argument("--model", default="pretrained", help="trained network for the part 'rank'")
    parser.add_argument("--sets", type=int, default=6, help="number of data sets of the part 'rank'")
    parser.add_argument("--data", type=Path, help="folder of these data sets; default: a temporary one")
    parser.add_argument(
        "--tracklets", type=int, default=2000, help="number of tracklets of the part 'uneven'"
    )
    args = parser.parse_args()
    openvino = import_openvino()
    import nncf
    import onnxruntime

    versions = {
        "openvino": openvino.__version__.split("-")[0],
        "nncf": nncf.__version__,
        "onnxruntime": onnxruntime.__version__,
    }
    for part in args.parts:
        print(write_page(PAGES[part], "Embedding: JPEG files to vectors", [parts[part](args)], **versions))


# ---- full STCA ----


def full(args: argparse.Namespace) -> str:
    torch.manual_seed(0)
    device = resolve_device(args.device)
    model = create_model("stca", num_ids=625, image_size=SIZE).eval().to(device)
    with tempfile.TemporaryDirectory() as folder:
        tracklets = footage(Path(folder) / "shown", [CLIP_LEN] * args.clips, (256, 128))
        others = footage(Path(folder) / "others", [CLIP_LEN] * 32, (256, 128), seed=1)
        clips = torch.cat([batch.frames for batch in clip_batches(tracklets)])
        engines, set_up = {}, {}
        for name, runtime, precision in competitors(device, compiled=args.compile):
            start = time.perf_counter()
            engines[name] = open_runtime(
                model,
                Plan(runtime, precision, device),
                clip_len=CLIP_LEN,
                calibration=lambda: torch.cat([batch.frames for batch in clip_batches(others)]),
            )
            if runtime == "compile":
                run(engines[name], [batch_of(clips[:FEW_CLIPS])])
            set_up[name] = time.perf_counter() - start

        def slow(name: str) -> bool:
            return device.type == "cpu" and "OpenVINO" not in name

        def count(name: str) -> int:
            return FEW_CLIPS if slow(name) else args.clips

        plain_clips = normalise(clips[: count("plain network")].to(device))

        def plain() -> None:
            with torch.inference_mode():
                for clip in plain_clips:
                    model(clip[None]).embedding.cpu()

        contenders: dict[str, Callable[[], object]] = {"plain network": plain}
        for name, engine in engines.items():
            shown = batch_of(clips[: count(name)])
            contenders[f"{name}, network alone"] = lambda e=engine, s=shown: run(e, [s])
            if not slow(name):
                contenders[f"{name}, files to vectors"] = lambda e=engine: run(e, clip_batches(tracklets))
        product, product_gflop = best_product(torch.bfloat16, device)
        seconds = take_turns(contenders | {CEILING: product}, rounds=args.rounds, label="full STCA")
        few = [batch_of(clips[:FEW_CLIPS])]
        exact = run(engines["float32, PyTorch"], few)
        cosine = {
            name: float(torch.cosine_similarity(run(engine, few), exact).min())
            for name, engine in engines.items()
        }
        for engine in engines.values():
            engine.close()
    best = [product_gflop / s for s in seconds.pop(CEILING)]
    per_clip = {name: [s / count(name) for s in values] for name, values in seconds.items()}
    rows = []
    for name, values in per_clip.items():
        engine = name.rpartition(", ")[0]
        rows.append(
            (
                name,
                spread([1000 * v for v in values], 0),
                spread(ratios(per_clip, name, "plain network")),
                f"{GFLOP / statistics.median(values):.0f}",
                spread([100 * GFLOP / v / b for v, b in zip(values, best, strict=True)], 0),
                f"{cosine[engine]:.5f}" if engine in cosine else "",
                f"{set_up[engine]:.1f}" if engine in set_up else "",
            )
        )
    head = (
        "",
        "ms a clip",
        "times the plain network",
        "GFLOP/s",
        "% of the product",
        "least cosine",
        "set-up, s",
    )
    return (
        f"## Full STCA, {CLIP_LEN} frames of {SIZE[0]}x{SIZE[1]}, {GFLOP:.1f} GFLOP a clip, {device.type}\n\n"
        f"Crops of 256x128 pixels as JPEG; {args.clips} clips a round ({count('plain network')} of the "
        f"plain network), {args.rounds} rounds. The product: PyTorch's best in bf16, which took its turn "
        f"too, {spread(best, 0)} GFLOP/s. int8 chose its scales by other clips. Median (least to most).\n\n"
        + table(head, rows)
        + "\n"
        + ceilings()
    )


CEILING = "bf16 product"


def competitors(device: torch.device, *, compiled: bool) -> list[tuple[str, RuntimeName, Precision]]:
    """(name, runtime, precision) of the runtimes to compare."""
    found: list[tuple[str, RuntimeName, Precision]] = [
        ("float32, PyTorch", "torch", "float32"),
        ("bf16, PyTorch", "torch", "bf16"),
    ]
    if compiled:
        found += [("float32, compiled", "compile", "float32"), ("bf16, compiled", "compile", "bf16")]
    if device.type == "cpu":
        found += [
            ("float32, ONNX Runtime", "onnxruntime", "float32"),
            ("bf16, OpenVINO", "openvino", "bf16"),
            ("int8, OpenVINO", "openvino", "int8"),
        ]
    return found


def ceilings() -> str:
    rows = list(in_another_process().items())
    return "Peak performance of this machine:\n\n" + table(("", "best"), rows)


def clip_batches(tracklets: list[Tracklet]) -> Iterator[ClipBatch]:
    return dense_batches(tracklets, Transform(SIZE), clip_len=CLIP_LEN, batch_size=8, workers=2)[1]


def batch_of(clips: torch.Tensor) -> ClipBatch:
    return ClipBatch(clips, torch.arange(len(clips)), ())


def run(engine: object, batches: Iterator[ClipBatch] | list[ClipBatch]) -> torch.Tensor:
    return torch.cat([vectors for _, vectors in engine.map(batches)])  # type: ignore[attr-defined]


# ---- tracklets of uneven length ----


def uneven(args: argparse.Namespace) -> str:
    rng = np.random.default_rng(0)
    lengths = np.exp(rng.uniform(np.log(5), np.log(900), args.tracklets)).astype(int).tolist()
    torch.manual_seed(0)
    model = create_model("stca_small", num_ids=2).eval()
    with tempfile.TemporaryDirectory() as folder:
        tracklets = footage(Path(folder), lengths, (128, 64))
        start = time.perf_counter()
        found = embed_tracklets(model, tracklets, batch_size=16)
        seconds = time.perf_counter() - start
    clips = sum(len(sample_clips(length, model.clip_len)) for length in lengths)
    batches = -(-clips // 16)
    one_by_one = sum(-(-len(sample_clips(length, model.clip_len)) // 16) for length in lengths)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    workers = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    rows = [
        ("clips", f"{clips:,}"),
        ("clip slots that hold no clip, ours", f"{100 * (1 - clips / (16 * batches)):.2f} %"),
        ("the same, tracklet by tracklet", f"{100 * (1 - clips / (16 * one_by_one)):.1f} %"),
        ("seconds", f"{seconds:.0f}"),
        ("clips a second", f"{clips / seconds:.0f}"),
        ("frames a second", f"{sum(lengths) / seconds:.0f}"),
        ("peak memory of the process", f"{memory:.2f} GiB"),
        ("peak memory of a worker (much of it shared)", f"{workers:.2f} GiB"),
        ("computed in", found.computed_by),
    ]
    return (
        f"## {args.tracklets:,} tracklets of {min(lengths)} to {max(lengths)} frames, stca_small\n\n"
        "Batches of 16 clips.\n\n" + table(("", ""), rows)
    )


# ---- rank-1 by precision ----


def rank_by_precision(args: argparse.Namespace) -> str:
    """The effect of precision on a trained network's scores, on data sets with unseen people and cameras."""
    model: ReIDModel = open_model(args.model)
    values: dict[tuple[str, str, str], list[float]] = {}
    queries: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.data or Path(temporary)
        for seed in range(101, 101 + args.sets):
            root = make_walkers(
                folder / str(seed), train_persons=8, test_persons=60, seed=seed, size=model.image_size
            )
            splits = load_dataset("walkers", root)
            for runtime, precision in (("torch", "float32"), ("openvino", "bf16"), ("openvino", "int8")):
                for m in evaluate(model, splits, runtime=runtime, precision=precision):
                    queries[m.protocol] = queries.get(m.protocol, 0) + m.num_queries * (
                        precision == "float32"
                    )
                    for figure in ("rank-1", "mAP"):
                        values.setdefault((m.protocol, precision, figure), []).append(100 * m.value(figure))
    rows = []
    for protocol, precision, figure in values:
        if precision != "float32":
            before, after = values[protocol, "float32", figure], values[protocol, precision, figure]
            moved = [b - a for a, b in zip(before, after, strict=True)]
            mean, half = statistics.mean(moved), interval(moved)
            each = ", ".join(f"{value:+.1f}" for value in moved)
            was = f"{statistics.mean(before):.2f}"
            rows.append(
                (protocol, queries[protocol], figure, precision, was, f"{mean:+.2f} ± {half:.2f}", each)
            )
    head = ("protocol", "queries", "figure", "computed in", "float32", "mean change, points", "of each set")
    return (
        f"## {model.spec.name}, trained, on {args.sets} data sets of walkers\n\n"
        "60 people each; neither they nor their cameras were seen in training. Percent; ± is half of the\n"
        "95 % interval of the mean over the sets (Student).\n\n" + table(head, sorted(rows))
    )


def interval(values: list[float]) -> float:
    from scipy import stats

    return float(stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)) if len(values) > 1 else float("nan")


if __name__ == "__main__":
    main()
