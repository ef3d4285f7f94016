"""Benchmark what a clip costs in every system of table 1, beside STCA.

    python benchmarks/peers.py                        # all with a published score
    python benchmarks/peers.py --systems all          # their variants too
    python benchmarks/peers.py --systems nvan gltr    # these; the page then holds only these
    python benchmarks/peers.py --tiny --systems gltr  # 2 clips, one round, PyTorch; no page: does it run?

From JPEG files to vectors, in the fastest runtime of this machine (`stca.inference.plan_inference`; PyTorch
where it cannot take a network), in clips of the length and size that the system's authors test with. Weights
are random: they do not change the time. Every system takes turns with STCA, so that both see the same load,
and two networks at most are in memory. Setting up a runtime is not counted.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import torch
from made_footage import footage
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter
from timing import RESULTS, ratios, spread, table, take_turns, write_page

from stca.analysis.figures import INK, PAGE, WRONG, finish, save_figure
from stca.embedding import Embedder, open_embedder
from stca.errors import StcaError
from stca.inference import plan_inference
from stca.models import PEERS, ReIDModel, create_model
from stca.models.peers import SYSTEMS
from stca.tools.progress import progress
from stca.tracklets import Tracklet

STCA_RANK1 = 90.3
"""Table 1, MARS."""
CROP = (256, 128)
MANY_FRAMES = 10**9
"""So many that converting a network pays: the plan is that of a large job."""


@dataclass(frozen=True)
class Cost:
    """What a system took.

    Args:
        name: of the model.
        frames: per clip.
        seconds: per clip, of every round.
        times_stca: seconds over STCA's of the same round.
        runtime: what computed.

    """

    name: str
    frames: int
    seconds: list[float]
    times_stca: list[float]
    runtime: str

    @property
    def milliseconds(self) -> float:
        """Median per clip."""
        return 1000 * statistics.median(self.seconds)

    @property
    def rank1(self) -> float | None:
        """Published, on MARS, in percent."""
        mars = PEERS[self.name].mars if self.name in PEERS else None
        return STCA_RANK1 if self.name == "stca" else mars and mars.rank1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--systems",
        nargs="+",
        choices=["published", "all", *PEERS],
        default=["published"],
        metavar="NAME",
        help="names, 'published' (those with a score) or 'all'",
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clips", type=int, default=8, help="clips per round")
    parser.add_argument("--workers", type=int, default=0, help="decoding processes, started in every round")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--tiny", action="store_true", help="2 clips, one round, PyTorch; writes no page")
    args = parser.parse_args()
    if args.tiny:
        args.rounds, args.clips = 1, 2
    with tempfile.TemporaryDirectory() as folder:
        costs = list(measure(chosen(args.systems), args, Path(folder)))
    text = report(costs, args)
    if args.tiny:
        print(text)
        return
    picture = save_figure(draw(costs), RESULTS / "peers.png")
    part = f"{text}\n![rank-1 published against ms a clip]({picture.name})\n"
    print(write_page("peers", "The systems of table 1: JPEG files to vectors", [part]))


def chosen(words: Sequence[str]) -> list[str]:
    """Names of models, in the order of the table."""
    sets = {"all": set(PEERS), "published": {name for name, peer in PEERS.items() if peer.mars}}
    wanted = set().union(*(sets.get(word, {word}) for word in words))
    return [name for name in PEERS if name in wanted]


def measure(names: Sequence[str], args: argparse.Namespace, folder: Path) -> Iterator[Cost]:
    """STCA last, over the rounds with all others."""
    torch.manual_seed(0)
    shown: dict[int, list[Tracklet]] = {}

    def job(name: str, stack: ExitStack) -> tuple[Embedder, Callable[[], object]]:
        """The opened model, and what embeds `args.clips` tracklets of one clip each."""
        model = create_model(name, num_ids=625).eval()
        if (frames := model.clip_len) not in shown:
            shown[frames] = footage(folder / f"{frames}", [frames] * args.clips, CROP)
        embedder = open_fastest(model, shown[frames], args, stack)
        return embedder, lambda: embedder.embed(shown[frames], workers=args.workers, label="")

    with ExitStack() as whole:
        stca, embed_by_stca = job("stca", whole)
        own: list[float] = []
        for name in progress(names, label="systems"):
            with ExitStack() as stack:
                other, embed_by_other = job(name, stack)
                taken = take_turns(
                    {"stca": embed_by_stca, name: embed_by_other}, rounds=args.rounds, label=name
                )
                per_clip = [seconds / args.clips for seconds in taken[name]]
                own += [seconds / args.clips for seconds in taken["stca"]]
                yield Cost(name, other.clip_len, per_clip, ratios(taken, "stca", name), other.engine.name)
        yield Cost("stca", stca.clip_len, own, [1.0], stca.engine.name)


def open_fastest(
    model: ReIDModel, tracklets: list[Tracklet], args: argparse.Namespace, stack: ExitStack
) -> Embedder:
    """The model in the machine's fastest runtime, or in PyTorch where that one cannot take it."""
    for runtime in ["torch"] if args.tiny else ["auto", "torch"]:
        plan = plan_inference(model, frames=MANY_FRAMES, device=args.device, runtime=runtime)
        try:
            return stack.enter_context(
                open_embedder(
                    model, tracklets, device=args.device, runtime=plan.runtime, precision=plan.precision
                )
            )
        except StcaError as error:
            if plan.runtime == "torch":
                raise
            print(f"{model.spec.name}: {error.what}: {error.found}", file=sys.stderr)
    raise AssertionError("PyTorch either takes a network or raises")


def report(costs: Sequence[Cost], args: argparse.Namespace) -> str:
    """A table, the fastest first."""
    rows = []
    for cost in sorted(costs, key=lambda each: each.milliseconds):
        system = "STCA" if cost.name == "stca" else PEERS[cost.name].system
        year = 2022 if cost.name == "stca" else SYSTEMS[system].year
        rows.append(
            (
                f"`{cost.name}`",
                f"{system}, {year}",
                "" if cost.rank1 is None else f"{cost.rank1:.1f}",
                cost.frames,
                spread([1000 * each for each in cost.seconds], 0),
                f"{cost.milliseconds / cost.frames:.1f}",
                spread(cost.times_stca),
                cost.runtime,
            )
        )
    head = ("model", "system", "rank-1", "T", "ms a clip", "ms a frame", "times STCA", "computed in")
    return (
        f"Crops of {CROP[0]}x{CROP[1]} pixels as JPEG, resized to each system's own size; {args.clips} clips "
        f"of T frames a round, {args.rounds} rounds, {args.workers} decoding processes. Weights are random. "
        "rank-1: published on MARS, in percent, not reproduced here. Times STCA: over its time in the same "
        "round. Median (least to most).\n\n" + table(head, rows)
    )


def draw(costs: Sequence[Cost]) -> Figure:
    """Published rank-1 over milliseconds a clip; systems without a score are left out."""
    figure = Figure(figsize=(PAGE, 0.62 * PAGE), layout="constrained")
    axes = figure.add_subplot()
    scored = [(cost.milliseconds, cost.rank1, cost.name) for cost in costs if cost.rank1 is not None]
    words: dict[tuple[float, float], str] = {}
    for number, (milliseconds, rank1, name) in enumerate(sorted(scored), start=1):
        colour = WRONG if name == "stca" else INK
        axes.plot(milliseconds, rank1, "o", color=colour, label=f"{number:>2}  {name}", markersize=4)
        place = (round(math.log10(milliseconds), 2), rank1)  # those that cover each other have one label
        words[place] = f"{words[place]}, {number}" if place in words else f"{number}"
    for (column, rank1), numbers in words.items():
        beside = [other - column for other, height in words if other != column and abs(height - rank1) < 0.25]
        side = (
            "right" if min(beside, key=abs, default=-1) > 0 else "left"
        )  # of the label that is at the point
        axes.annotate(
            numbers,
            (10**column, rank1),
            (-4 if side == "right" else 4, 0),
            textcoords="offset points",
            fontsize=7,
            ha=side,
            va="center",
            color=INK,
        )
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("ms a clip, JPEG files to vectors (every system with its own frames)")
    axes.set_ylabel("rank-1 on MARS, published, %")
    axes.grid(alpha=0.3)
    figure.legend(loc="outside right upper", fontsize=7, handlelength=0, handletextpad=0, markerscale=0)
    return finish(figure)


if __name__ == "__main__":
    main()
