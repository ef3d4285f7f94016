"""The Ray engine under faults, and beside the plain commands.

    python -m experiments.scale.ray_engine --videos FOLDER    # six or more, by `stca data make-scene`

Tracks the videos and a broken one while a worker is killed; embeds 200 tracklets while the command is killed
and started again; compares everything with what the plain commands write; then times both without faults.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from stca.embedding import embed_tracklets
from stca.footage.images import write_jpeg
from stca.gallery import Gallery
from stca.runs.open_model import open_model
from stca.scale.vector_files import read_vectors
from stca.tools.files import write_text
from stca.tools.provenance import provenance
from stca.tracklets import Tracklet
from stca.tracks import find_tracklets

PAGE = Path(__file__).parent.parent / "results" / "ray_engine.md"
Strike = Callable[[subprocess.Popen[str]], bool]
STCA = (sys.executable, "-m", "stca")


@dataclass(frozen=True)
class Times:
    """Wall-clock seconds of the plain command and of the Ray engine without faults."""

    track: tuple[float, float]
    embed: tuple[float, float]


def made_tracklets(root: Path, *, cameras: int, each: int, frames: int = 8) -> Path:
    """Folders of crops, 64x32, of coloured people."""
    rng = np.random.default_rng(0)
    for camera in range(cameras):
        for tracklet in range(each):
            person = rng.integers(0, 256, (8, 4, 3)).repeat(8, axis=0).repeat(8, axis=1)
            for frame in range(frames):
                image = (person + rng.integers(-20, 20, person.shape)).clip(0, 255).astype(np.uint8)
                write_jpeg(root / f"cam{camera}" / f"{tracklet:04d}" / f"{frame:06d}.jpg", image)
    return root


def run(*arguments: object) -> tuple[int, str, float]:
    """Exit status, all output, and seconds of a command of stca."""
    begun = time.monotonic()
    command = [*STCA, *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.returncode, done.stdout, time.monotonic() - begun


def run_until(
    arguments: Sequence[object], strike: Callable[[subprocess.Popen[str]], bool]
) -> tuple[int, str]:
    """Start a command, call `strike` until it returns True, and wait for the end."""
    command = [*STCA, *map(str, arguments)]
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, text=True)
        while process.poll() is None and not strike(process):
            time.sleep(0.02)
        struck = process.poll() is None or process.returncode < 0
        status = process.wait()
        log.seek(0)
        text = log.read()
    if not struck:
        raise SystemExit(f"the command ended before anything could be killed:\n{text}")
    return status, text


def kill_a_worker(out: Path) -> Strike:
    """Kill, with signal 9, a process that has begun a video, once one video is finished."""

    def strike(driver: subprocess.Popen[str]) -> bool:
        if not list(out.glob("*/tracks.txt")) or not list((out / ".attempts").glob("*")):
            return False
        for child in psutil.Process(driver.pid).children(recursive=True):
            if "MapWorker" in child.name() or "MapWorker" in " ".join(child.cmdline()):
                child.kill()
                return True
        return False

    return strike


def kill_the_driver(out: Path) -> Strike:
    """Kill the command itself once one file of vectors is there."""

    def strike(driver: subprocess.Popen[str]) -> bool:
        if not list(out.glob("*.parquet")):
            return False
        driver.send_signal(signal.SIGKILL)
        return True

    return strike


def track_with_faults(videos: Path, folder: Path) -> None:
    """A broken video and a killed worker: the tracks are those of the plain command, byte for byte."""
    good = sorted(videos.glob("*.mp4"))
    (videos / "broken.mp4").write_bytes(b"no video")
    command = ["track", videos, "--out", folder / "ray", "--detector", "motion", "--engine", "ray"]
    status, text = run_until([*command, "--processes", 2], kill_a_worker(folder / "ray"))
    expect(status == 1, f"one video is broken, status {status}", text)
    failed = (folder / "ray" / "failed.csv").read_text().splitlines()
    expect(len(failed) == 2 and "broken.mp4" in failed[1], f"set aside: {failed}", text)
    (videos / "broken.mp4").unlink()
    plain, words, _ = run("track", *good, "--out", folder / "plain", "--detector", "motion")
    expect(plain == 0, "plain tracking", words)
    expect(_contents(folder / "ray") == _contents(folder / "plain"), "tracks differ", text)


@dataclass(frozen=True)
class Compared:
    """Vectors of the Ray engine beside those of one process.

    Args:
        rows: their number.
        equal: those that are equal bit for bit.
        apart: the largest difference of any number, of vectors of length 1.

    """

    rows: int
    equal: int
    apart: float

    @classmethod
    def of(cls, ours: dict[str, np.ndarray], plain: dict[str, np.ndarray]) -> Compared:
        """By key."""
        expect(ours.keys() == plain.keys(), "keys differ", f"{sorted(ours)}\n{sorted(plain)}")
        equal = sum(np.array_equal(ours[key], vector) for key, vector in plain.items())
        apart = max(float(np.abs(ours[key] - vector).max()) for key, vector in plain.items())
        return cls(len(plain), equal, apart)

    def words(self) -> str:
        """For people."""
        others = f", others within {self.apart:.0e}" if self.apart else ""
        return f"{self.equal} of {self.rows} equal bit for bit{others}"


def embed_with_faults(tracklets: Path, folder: Path, model: Sequence[str]) -> Compared:
    """The command is killed and started again: the gallery is that of the plain command, to rounding."""
    out = folder / "vectors"
    command = ["embed", *model, "--engine", "ray", "--data", tracklets, "--out", out, "--processes", 2]
    status, text = run_until(command, kill_the_driver(out))
    expect(status == -signal.SIGKILL, f"killed, status {status}", text)
    kept = len(list(out.glob("*.parquet")))
    status, text, _ = run(*command)
    expect(status == 0 and "embedded before" in text, f"continued after {kept} files", text)
    status, text, _ = run("gallery", "add", folder / "from_ray", out)
    expect(status == 0, "adding vectors", text)
    status, text, _ = run("gallery", "add", folder / "from_plain", tracklets, "--model", *model)
    expect(status == 0, "adding tracklets", text)
    with Gallery.open(folder / "from_ray") as ours, Gallery.open(folder / "from_plain") as plain:
        rows = [dict(zip((r.key for r in g.records()), g.vectors(), strict=True)) for g in (ours, plain)]
        records = [{r.key: r for r in g.records()} for g in (ours, plain)]
    expect(records[0] == records[1], "records differ", "")
    compared = Compared.of(*rows)
    expect(compared.apart < 1e-6, f"vectors differ by {compared.apart}", "")
    return compared


def embed_by_openvino(tracklets: Path, folder: Path, model: str) -> Compared:
    """Vectors of the Ray engine, by OpenVINO, beside those of this process: bit for bit."""
    out = folder / "openvino"
    arguments = ("embed", model, "--runtime", "openvino", "--precision", "float32", "--device", "cpu")
    status, text, _ = run(*arguments, "--data", tracklets, "--out", out, "--engine", "ray", "--processes", 2)
    expect(status == 0, "embedding by OpenVINO", text)
    files = [read_vectors(path) for path in sorted(out.glob("*.parquet"))]
    ours = {r.key: v for file in files for r, v in zip(file.records, file.vectors, strict=True)}
    rows = [Tracklet(found.frames, 0, 0, found.key) for found in find_tracklets(tracklets)]
    plain = embed_tracklets(
        open_model(model), rows, device="cpu", precision="float32", runtime="openvino", label=""
    )
    return Compared.of(ours, dict(zip(plain.keys, plain.vectors, strict=True)))


def timed(videos: Path, tracklets: Path, folder: Path, model: str) -> Times:
    """Both ways without faults, one after the other."""
    good = sorted(videos.glob("*.mp4"))
    track = ("track", "--detector", "motion", "--out")
    seconds = [
        _good(*track, folder / "timed_plain", *good),
        _good(*track, folder / "timed_ray", "--engine", "ray", videos),
        _good("gallery", "add", folder / "timed_gallery", tracklets, "--model", model),
        _good("gallery", "add", folder / "timed_ray_gallery", tracklets, "--model", model, "--engine", "ray"),
    ]
    return Times((seconds[0], seconds[1]), (seconds[2], seconds[3]))


def expect(right: bool, what: str, text: str) -> None:
    """End with the command's output where something is not as it should be."""
    if not right:
        raise SystemExit(f"{what}\n{text}")


def _good(*arguments: object) -> float:
    status, text, seconds = run(*arguments)
    expect(status == 0, f"status {status}", text)
    return seconds


def _contents(root: Path) -> dict[str, bytes]:
    """All files but hidden ones and the list of failures."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(root).parts)
        if path.name != "failed.csv"
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--videos", type=Path, required=True, help="a folder; six of its videos are taken")
    parser.add_argument("--model", default="pretrained")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "videos").mkdir()
        for number, path in enumerate(sorted(args.videos.rglob("*.mp4"))[:6]):
            shutil.copy(path, folder / "videos" / f"video{number}.mp4")
        tracklets = made_tracklets(folder / "tracklets", cameras=8, each=25)
        times = timed(folder / "videos", tracklets, folder, args.model)
        track_with_faults(folder / "videos", folder)
        compared = embed_with_faults(tracklets, folder, [args.model])
        by_openvino = embed_by_openvino(tracklets, folder, args.model)
    facts = "\n".join(f"- {key}: {value}" for key, value in provenance().items())
    (plain_track, ray_track), (plain_add, ray_add) = times.track, times.embed
    write_text(
        PAGE,
        f"""# The Ray engine

{facts}
- load: {os.getloadavg()[0]:.1f} running processes

Six videos and a broken one, of which a worker was killed (signal 9) in the middle: the broken one was set
aside with its reason, and every file of tracks equals that of the plain command. {compared.rows} tracklets in
8 camera folders, embedded by a command that was killed (signal 9) after its first file of vectors and started
again: every record equals that of the gallery that the plain command made. Vectors, computed by PyTorch:
{compared.words()}. By OpenVINO, without faults, beside one process: {by_openvino.words()}.

Without faults, seconds of wall-clock time, each command once; starting a cluster of one machine is part:

| | plain | `--engine ray` | difference |
|---|---:|---:|---:|
| `stca track`, 6 videos | {plain_track:.0f} | {ray_track:.0f} | {ray_track - plain_track:+.0f} |
| `stca gallery add`, 200 tracklets | {plain_add:.0f} | {ray_add:.0f} | {ray_add - plain_add:+.0f} |
""",
    )
    print(PAGE.read_text())


if __name__ == "__main__":
    main()
