"""`stca embed|gallery add --engine ray`: camera folders of tracklets to files of vectors."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stca.clips import count_clips
from stca.embedding import Embedder, open_embedder
from stca.errors import ConfigError, DatasetError, StcaError
from stca.gallery import ModelFingerprint
from stca.gallery.adding import crops_digest, record_of
from stca.inference import plan_inference
from stca.models import ReIDModel
from stca.runs.gallery_model import lasting_name
from stca.runs.open_model import open_model
from stca.scale.attempts import Attempts
from stca.scale.cluster import Do, connected, distinct, follow, keep_open, run
from stca.scale.tracking import ATTEMPTS, hours_of
from stca.scale.vector_files import (
    SUFFIX,
    VectorFile,
    fingerprint_of,
    import_pyarrow,
    read_about,
    write_vectors,
)
from stca.tracklets import Tracklet
from stca.tracks import FoundTracklet, find_tracklets


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedTask:
    """Embed one camera's folder after the other; batches are filled across its tracklets.

    Args:
        out: the folder of vector files; all machines see it under this path.
        model: name of the model.
        device: "cpu" or "cuda".
        precision: "float32" or "bf16".
        runtime: chosen for the whole job, so that vectors do not depend on how it is divided.
        batch_size: clips per forward pass.
        threads: of a process on a CPU.

    """

    out: Path
    model: str
    device: str
    precision: str
    runtime: str
    batch_size: int = 16
    threads: int = 1

    def open(self) -> Do:
        """Open the network once per process."""
        import torch

        torch.set_num_threads(self.threads)
        model = open_model(self.model)
        fingerprint = ModelFingerprint.of(model)
        # The runtime is fixed, so the number of frames decides nothing here.
        embedder = keep_open(
            open_embedder(
                model, [], frames=1, device=self.device, precision=self.precision, runtime=self.runtime
            )
        )

        def embed(folder: str) -> dict[str, Any]:
            tracklets = find_tracklets(Path(folder))
            content = self._embedded(embedder, fingerprint, tracklets)
            write_vectors(vector_file(self.out, Path(folder)), content)
            return {"hours": hours_of(Path(folder)), "tracklets": len(tracklets)}

        return embed

    def _embedded(
        self, embedder: Embedder, fingerprint: ModelFingerprint, tracklets: Sequence[FoundTracklet]
    ) -> VectorFile:
        rows = [Tracklet(found.frames, 0, 0, found.key) for found in tracklets]
        embedded = embedder.embed(rows, batch_size=self.batch_size, workers=0, label="")
        return VectorFile(
            fingerprint,
            lasting_name(self.model),
            crops_state(tracklets),
            embedded.computed_by,
            tuple(record_of(found, crops_digest(found)) for found in tracklets),
            embedded.vectors,
        )


@dataclass(frozen=True, slots=True)
class Embedded:
    """What `embed_on_ray` did.

    Args:
        tracklets: embedded in this run.
        kept: number of camera folders that were embedded before.
        files: the vector files of all camera folders that have one now.
        failed: reasons of those set aside, by folder.

    """

    tracklets: int
    kept: int
    files: tuple[Path, ...]
    failed: dict[str, str]


def embed_on_ray(
    roots: Sequence[Path],
    out: Path,
    model: str,
    *,
    device: str = "auto",
    precision: str = "float32",
    runtime: str = "auto",
    batch_size: int = 16,
    workers: int | None = None,
    attempts: int = 3,
) -> Embedded:
    """Embed every camera folder below `roots` to a file of vectors in `out`; unchanged ones are kept.

    On a CPU the vectors are those of `stca gallery add`, up to the rounding of batches filled otherwise.

    Args:
        roots: folders of tracks, as `stca track` writes them; all machines see them under these paths.
        out: the folder of vector files; likewise.
        model: name of the model, for `open_model`.
        device: "auto" (GPUs where the cluster has some), "cpu" or "cuda".
        precision: "float32", "bf16" or "auto".
        runtime: as of `embed_tracklets`.
        batch_size: clips per forward pass.
        workers: processes; default: one per GPU, or per core.
        attempts: how often a folder is begun before it is set aside.

    Raises:
        ConfigError: two camera folders of one name; an option that does not exist.
        DatasetError: no tracklets.
        StcaError: Ray or PyArrow is not installed.

    """
    import_pyarrow()
    tracklets = [found for root in roots for found in find_tracklets(root)]
    cameras = _by_camera(tracklets)
    out = out.absolute()
    out.mkdir(parents=True, exist_ok=True)
    opened = open_model(model)
    fingerprint = ModelFingerprint.of(opened)
    todo = {f: rows for f, rows in cameras.items() if not _is_done(vector_file(out, f), fingerprint, rows)}
    ledger = Attempts(out / ATTEMPTS, attempts)
    ledger.clear()
    failed: dict[str, str] = {}
    count = 0
    with connected() as ray:
        gpus = device == "cuda" or (device == "auto" and ray.cluster_resources().get("GPU", 0) >= 1)
        task = _task(
            opened, tracklets, out, model, ("cuda" if gpus else "cpu", precision, runtime), batch_size
        )
        largest_first = sorted(todo, key=lambda folder: -sum(map(len, (t.frames for t in todo[folder]))))
        pieces = [(folder.name, str(folder)) for folder in largest_first]
        outcomes = run(ray, task, pieces, attempts=ledger, workers=workers, gpus=gpus)
        for outcome in follow(outcomes, label="camera folders", total=len(pieces), failed_in=out):
            count += int(outcome.facts.get("tracklets", 0))
            if outcome.error:
                failed[outcome.name] = outcome.error
    files = tuple(path for f in cameras if f.name not in failed and (path := vector_file(out, f)).exists())
    return Embedded(count, len(cameras) - len(todo), files, failed)


def _by_camera(tracklets: Sequence[FoundTracklet]) -> dict[Path, list[FoundTracklet]]:
    """The tracklets of each camera's folder; ConfigError where two folders have one name."""
    cameras: dict[Path, list[FoundTracklet]] = {}
    for found in tracklets:
        cameras.setdefault(found.folder.parent, []).append(found)
    distinct([folder.name for folder in cameras], what="camera folders")
    return cameras


def vector_file(out: Path, folder: Path) -> Path:
    """Where the vectors of a camera's folder lie."""
    return out / f"{folder.name}{SUFFIX}"


def crops_state(tracklets: Sequence[FoundTracklet]) -> str:
    """Digest of keys and of the crops' names, sizes and times of change.

    Raises:
        DatasetError: a crop cannot be found.

    """
    digest = hashlib.blake2b(digest_size=16)
    for found in tracklets:
        digest.update(f"{found.key} {found.record} ".encode())
        for path in found.frames:
            try:
                status = path.stat()
            except OSError as error:
                raise DatasetError("Cannot read a crop", found=error.strerror, where=path) from error
            digest.update(f"{path.name} {status.st_size} {status.st_mtime_ns} ".encode())
    return digest.hexdigest()


def _is_done(path: Path, fingerprint: ModelFingerprint, tracklets: Sequence[FoundTracklet]) -> bool:
    """Whether the file has the vectors of these crops by this model. A damaged file is written again."""
    if not path.exists():
        return False
    try:
        about = read_about(path)
        fingerprint.require(fingerprint_of(about), where=path)
        return bool(about["crops"] == crops_state(tracklets))
    except (StcaError, KeyError):
        return False


def _task(
    model: ReIDModel,
    tracklets: Sequence[FoundTracklet],
    out: Path,
    name: str,
    how: tuple[str, str, str],
    batch_size: int,
) -> EmbedTask:
    """The task, with the runtime that one machine would choose for all of these tracklets."""
    device, precision, runtime = how
    if precision == "int8":
        raise ConfigError("A gallery's vectors are not computed in int8", expected="float32, bf16 or auto")
    rows = [Tracklet(found.frames, 0, 0, found.key) for found in tracklets]
    frames = (
        sum(map(len, rows)) if model.frame_by_frame else count_clips(rows, model.clip_len) * model.clip_len
    )
    plan = plan_inference(
        model,
        frames=frames,
        device="cpu" if device == "cuda" else device,  # this process may have no GPU
        precision=precision,
        runtime="torch" if device == "cuda" and runtime == "auto" else runtime,
    )
    return EmbedTask(
        out=out,
        model=lasting_name(name),
        device=device,
        precision=precision if device == "cuda" else plan.precision,
        runtime=plan.runtime,
        batch_size=batch_size,
    )
