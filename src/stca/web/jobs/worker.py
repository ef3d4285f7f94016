"""The process that does one job. The first line of stdin is the job; it reports JSON lines on stdout.

Whatever ends it, the job can be given to another one, which goes on: videos that are done are passed over,
tracks that are finished are only read, and an interrupted video is tracked again from its beginning.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from pathlib import Path
from typing import IO, Any

from stca.errors import GalleryError, StcaError, first_line
from stca.gallery.milvus.address import is_address
from stca.web.jobs.control import Control, Progress
from stca.web.jobs.folders import choose_folder, is_finished, lock_tracks
from stca.web.texts import text
from stca.web.uploads.sandbox import end_with_parent, isolate_network, limit_tracking

_MOST_NOTES = 20


def main() -> None:
    """Do the job."""
    reports = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a library prints is no report
    task = json.loads(sys.stdin.readline())
    end_with_parent(task["parent"])
    isolate_network(user_namespace=False)
    control = Control(sys.stdin, reports)
    tracks = Path(task["tracks"])
    try:
        with lock_tracks(tracks):
            _Work(task, tracks, control).run()
    except StcaError as error:
        control.report("end", state="failed", error=error.what, detail=str(error))
    except Exception as error:
        control.report("end", state="failed", error=f"It stopped: {first_line(error)}", detail=repr(error))
        raise


class _Work:
    """One job.

    Args:
        task: from the server.
        tracks: folder of the camera folders.
        control: line to the server.

    """

    def __init__(self, task: dict[str, Any], tracks: Path, control: Control) -> None:
        self._videos: list[dict[str, Any]] = task["videos"]
        self._options, self._link = task["options"], task["link"]
        self._model_name: str | None = task["model"]
        self._gallery, self._tracks, self._control = str(task["gallery"]), tracks, control
        self._gallery_folder = None if is_address(self._gallery) else Path(self._gallery)
        self._uploaded = bool(task.get("uploaded"))
        self._file: os.stat_result | None = None
        self._notes: list[str] = []

    def run(self) -> None:
        """Every video, one after the other; those that cannot be read do not stop the others."""
        from stca.runs.gallery_model import open_encoder, open_gallery

        self._require_gallery()
        warnings.showwarning = self._note
        warnings.simplefilter("always", UserWarning)
        self._control.report("progress", stage=text("stage.model"))
        gallery, model = open_gallery(self._gallery, self._model_name)
        failed = {i for i, video in enumerate(self._videos) if video["state"] == "failed"}
        done = {i for i, video in enumerate(self._videos) if video["state"] == "done"}
        lengths = [_length(video["path"]) for video in self._videos]
        progress = Progress(self._control, lengths, done | failed)
        options = self._options
        encoder = open_encoder(
            model,
            device=options["device"],
            precision=options["precision"],
            batch_size=options["batch_size"],
        )
        with gallery, encoder as cut_by:
            if self._uploaded:
                limit_tracking(lengths, self._gallery_folder, gpu=_on_gpu(options["device"]))
            for number, video in enumerate(self._videos):
                if number in done | failed:
                    continue
                self._require_gallery()
                progress.begin(number, text("stage.opening", name=Path(video["path"]).name))
                try:
                    self._add(number, video, gallery, model, cut_by, progress)
                except StcaError as error:
                    failed.add(number)
                    self._control.report("video", number=number, state="failed", error=error.what)
                    progress.end()
            if self._link and len(failed) < len(self._videos):
                self._link_persons(gallery)
        self._end(failed)

    def _require_gallery(self) -> None:
        """Raise GalleryError where the gallery is no more; opening it would make an empty one."""
        from stca.gallery.store.file import FILE

        if self._gallery_folder is None:
            return
        try:
            now = (self._gallery_folder / FILE).stat()
        except OSError:
            now = None
        self._file = self._file or now
        if now is None or self._file is None or not os.path.samestat(now, self._file):
            raise GalleryError(
                "The gallery is no longer where it was",
                where=self._gallery_folder,
                hint="it was moved, removed or replaced: put it back, then add the videos again",
            )

    def _add(
        self,
        number: int,
        video: dict[str, Any],
        gallery: Any,
        model: Any,
        encoder: Any,
        progress: Progress,
    ) -> None:
        from stca.gallery import add_tracklets
        from stca.tracking import TrackOptions, track_whole
        from stca.tracks import find_tracklets

        folder, fresh = self._folder(video, gallery)
        self._control.report("video", number=number, state="tracking", folder=folder, fresh=fresh)
        name = Path(video["path"]).name
        progress.begin(number, text("stage.finding", name=name))
        options = TrackOptions(
            detector=self._options["detector"],
            tracker=self._options["tracker"],
            every=self._options["every"],
            camera=video["camera"],
            start=video["start"],
        )
        summary = track_whole(
            video["path"],
            self._tracks,
            options,
            encoder=encoder,
            folder_name=folder,
            watch=progress.tracked,
        )
        self._control.report("video", number=number, state="adding", tracklets=summary.tracklets)
        progress.begin(number, text("stage.comparing", name=name))
        if summary.used:
            done = add_tracklets(
                gallery,
                model,
                find_tracklets(summary.folder),
                device=self._options["device"],
                precision=self._options["precision"],
                batch_size=self._options["batch_size"],
                workers=0,
                watch=progress.added,
            )
            if done.forgotten:
                self._notes.append(text("stage.forgotten", name=name, n=done.forgotten))
        self._control.report("video", number=number, state="done", tracklets=summary.tracklets)
        progress.end()

    def _folder(self, video: dict[str, Any], gallery: Any) -> tuple[str, bool]:
        """Name of the folder of a video's tracks, and whether it is new."""
        from stca.footage.sources import open_source

        if video["folder"]:
            return video["folder"], video["fresh"]
        source = open_source(video["path"])
        name = choose_folder(self._tracks, video["camera"] or source.camera, source, gallery.records())
        return name, not is_finished(self._tracks / name)

    def _link_persons(self, gallery: Any) -> None:
        from stca.linking import link_gallery

        self._control.report("progress", stage=text("stage.linking"))
        try:
            link_gallery(gallery)
        except StcaError as error:
            self._notes.append(text("stage.not_linked", why=error.what))

    def _end(self, failed: set[int]) -> None:
        names = ", ".join(Path(self._videos[i]["path"]).name for i in sorted(failed))
        self._control.report(
            "end",
            state="failed" if len(failed) == len(self._videos) else "done",
            error=text("stage.not_added", names=names) if failed else None,
            message="\n".join(dict.fromkeys(self._notes[:_MOST_NOTES])),
        )

    def _note(
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: IO[str] | None = None,
        line: str | None = None,
    ) -> None:
        if issubclass(category, UserWarning):
            self._notes.append(str(message)[:300])


def _on_gpu(device: str) -> bool:
    import torch

    return device != "cpu" and torch.cuda.is_available()


def _length(path: str) -> int | None:
    from stca.footage.sources import open_source

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return open_source(path).num_frames
    except StcaError:
        return None


if __name__ == "__main__":
    main()
