"""An hour of watching a camera that dies and comes back every minute: memory, and whether anything is lost.

    python -m experiments.watch.soak --work runs/soak --seconds 3600

The camera (`dropping_camera`) is dead for the last ten seconds of every minute. Afterwards: every tracklet
that was said to be seen was said to be lost and is in the gallery with the person that was said last, unless
it was said that nothing is left of it; every frame that was sent was looked at or counted as dropped.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path

from experiments.watch.dropping_camera import DroppingCamera

from stca.gallery import Gallery
from stca.tools.provenance import provenance_line
from stca.walkers import make_scene

LIVES, DEAD = 50.0, 10.0
"""Seconds of every minute in which the camera is there, and in which it is not."""


def memory(pid: int) -> dict[str, float]:
    """Proportional memory (PSS, MB) of a process and of those below it, by what they do."""
    found = {"watching": _megabytes(pid), "cameras": 0.0}
    for child in _below(pid):
        found["cameras"] += _megabytes(child)
    return found


def _below(pid: int) -> Iterable[int]:
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError):  # one that has just ended
            parent = (process / "stat").read_text().rpartition(")")[2].split()[1]
            if int(parent) == pid:
                yield int(process.name)
                yield from _below(int(process.name))


def _megabytes(pid: int) -> float:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0.0
    match = re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)
    return int(match[1]) / 1000 if match else 0.0


def soak(settings: Path, camera: DroppingCamera, log: Path, seconds: float) -> list[dict[str, float]]:
    """Watch; the memory at the end of every life of the camera."""
    found: list[dict[str, float]] = []
    events = settings.with_suffix(".jsonl")
    command = [sys.executable, "-m", "stca", "watch", str(settings), "--events", str(events)]
    with log.open("w") as said:
        process = subprocess.Popen([*command, "--for", str(seconds)], stderr=said)
        begin, minute = time.monotonic(), 0
        while process.poll() is None:
            over = begin + 60 * minute + LIVES
            _wait(process, over)
            if process.poll() is None:
                now = {"minute": (time.monotonic() - begin) / 60, **memory(process.pid)}
                found.append(now)
                print(json.dumps(now | {"load": os.getloadavg()[0]}), flush=True)
            camera.die()
            minute += 1
            _wait(process, over + DEAD)
            camera.live()
    if process.returncode:
        raise SystemExit(log.read_text()[-2000:])
    return found


def _wait(process: subprocess.Popen, until: float) -> None:
    waiting = threading.Event()
    while process.poll() is None and (left := until - time.monotonic()) > 0:
        waiting.wait(min(left, 0.5))


def lost_without_a_word(settings: Path, out: Path) -> list[str]:
    """What was said to be seen and is nowhere, or is somebody else than was said."""
    events = [json.loads(line) for line in settings.with_suffix(".jsonl").read_text().splitlines()]
    person: dict[str, int | None] = {}
    lost = set()
    for each in events:
        if each["kind"] in ("seen", "revised"):
            person[each["tracklet"]] = None if each.get("into") else each["person"]
            if each.get("into"):
                person[each["into"]] = each["person"]
        elif each["kind"] == "lost":
            lost.add(each["tracklet"])
    said = {key: who for key, who in person.items() if who is not None}
    with Gallery.open(out / "gallery") as gallery:
        stored = {record.key: record.person for record in gallery.records()}
    wrong = [f"{key} was said to be {who}, stored is {stored.get(key)}" for key, who in said.items()
             if stored.get(key) != who]  # fmt: skip
    wrong += [f"{key} was never said to be lost" for key in said if key not in lost]
    wrong += [f"{key} is stored and was never said" for key in stored if key not in said]
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", type=Path, default=Path("runs/soak"))
    parser.add_argument("--scene", type=Path, help="a scene of `stca data make-scene`; default: rendered")
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--model", default="pretrained")
    given = parser.parse_args()
    scene = given.scene or given.work / "scene"
    if not scene.exists():
        make_scene(scene, cameras=1, persons=3, seconds=50, height=270, seed=3)
    given.work.mkdir(parents=True, exist_ok=True)
    camera = DroppingCamera(scene / "cam1" / "cam1.mp4")
    camera.live()
    settings, out, log = (given.work / name for name in ("cameras.toml", "out", "log.txt"))
    settings.write_text(
        f'[watch]\nout = "out"\nmodel = "{given.model}"\n'
        f'[[camera]]\nname = "door"\nsource = "{camera.address}"\nframe_rate = {camera.rate}\n'
    )
    found = soak(settings, camera, log, given.seconds)
    words = log.read_text()
    wrong = lost_without_a_word(settings, out)
    video = json.loads((out / "tracks" / "door" / "video.json").read_text())
    dropped = max(map(int, re.findall(r"(\d+) frames dropped", words)), default=0)
    steady = [each for each in found if 5 <= each["minute"] <= given.seconds / 60] or found
    first, last = steady[0], steady[-1]
    for name in ("watching", "cameras"):
        print(f"memory, {name}: {first[name]:.0f} MB at minute {first['minute']:.0f}, "
              f"{last[name]:.0f} MB at minute {last['minute']:.0f}")  # fmt: skip
    with Gallery.open(out / "gallery") as gallery:
        print(f"tracklets in the gallery: {len(gallery)}")
    states = re.findall(r"^door: (playing|lost)\b[^;\n]*$", words, re.MULTILINE)
    times = sum(a == "lost" and b == "playing" for a, b in itertools.pairwise(states))
    print(f"the camera was said to be back {times} times")
    print(f"frames: {camera.sent} sent, {video['frames']} looked at, {dropped} said to be dropped")
    print(f"lost without a word: {len(wrong)}", *wrong[:10], sep="\n  ")
    print(provenance_line())


if __name__ == "__main__":
    main()
