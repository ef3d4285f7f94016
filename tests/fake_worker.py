"""A worker of jobs that only pretends: it counts to 40 for every video, and then writes a line.

What it does besides is said by the camera of a video: `crash` (dies at once), `crash once`, `bad` (fails), `slow` (waits
at the tenth frame until FILE.go is there).
"""

import json
import os
import sys
import threading
import time
from pathlib import Path

if __name__ == "__main__":
    task = json.loads(sys.stdin.readline())
    goes_on = threading.Event()
    goes_on.set()

    def listen() -> None:
        for line in sys.stdin:
            if line.strip() == "pause":
                goes_on.clear()
            else:
                goes_on.set()
        os._exit(9)

    threading.Thread(target=listen, daemon=True).start()

    def report(event: str, **values: object) -> None:
        print(json.dumps({"event": event, **values}), flush=True)

    tracks, failed = Path(task["tracks"]), 0
    log = tracks.parent / "fake.log"
    for number, video in enumerate(task["videos"]):
        if video["state"] in ("done", "failed"):
            failed += video["state"] == "failed"
            continue
        camera, path = video["camera"] or "", Path(video["path"])
        folder = tracks / f"video {path.stem}"
        report(
            "video",
            number=number,
            state="tracking",
            folder=folder.name,
            fresh=not folder.exists() or video["fresh"],
        )
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "half").touch()
        with log.open("a") as file:
            file.write(f"{path.name} begun\n")
        if camera == "crash" or (camera == "crash once" and not path.with_suffix(".crashed").exists()):
            path.with_suffix(".crashed").touch()
            print("it went wrong", file=sys.stderr)
            sys.exit(7)
        if camera == "bad":
            report("video", number=number, state="failed", error="no video at all")
            failed += 1
            continue
        for frame in range(40):
            goes_on.wait()
            if camera == "slow" and frame == 10:
                while not path.with_suffix(".go").exists():
                    goes_on.wait()
                    time.sleep(0.005)
            report(
                "progress",
                stage=f"frame {frame}",
                progress=frame / 40,
                frames=frame,
                frames_per_second=1.0,
                nonsense=1,
            )
        (folder / "half").rename(folder / "whole")
        report("video", number=number, state="done", tracklets=3)
        with log.open("a") as file:
            file.write(f"{path.name} done\n")
    print("this is no report")
    state = "failed" if failed == len(task["videos"]) else "done"
    report("end", state=state, message="a note", error="some failed" if failed else None)
