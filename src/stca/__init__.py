"""Video person re-identification: the STCA network, training, evaluation, tracking and search.

The public names are imported when they are first used: `stca serve` is up before PyTorch is needed.
"""

import typing

from stca import moved_modules
from stca.tools import lazy_imports
from stca.version import __version__ as __version__

if typing.TYPE_CHECKING:
    from stca.analysis import Complexity, measure_complexity
    from stca.clips import PKSampler, sample_clips
    from stca.config import RunConfig
    from stca.datasets import DATASETS, load_dataset
    from stca.embedding import embed_tracklets
    from stca.errors import (
        CheckpointError,
        ConfigError,
        DatasetError,
        DownloadError,
        FrameError,
        GalleryError,
        RankingError,
        StcaError,
        TrainingError,
    )
    from stca.evaluation import evaluate
    from stca.export import ExportReport, export_model
    from stca.gallery import Gallery, Hit, ModelFingerprint, ModelMark, Record, add_tracklets
    from stca.losses import BatchHardTriplet, CenterLoss, ReIDObjective
    from stca.models import (
        MODELS,
        STCA,
        CrossAttention,
        ReIDOutput,
        create_model,
        load_model,
        load_pretrained,
        load_weights,
        save_model,
    )
    from stca.ranking import PROTOCOLS, Protocol, RankMetrics, rank
    from stca.recipes import RECIPES, recipe
    from stca.run_dir import RunDir
    from stca.runs import train
    from stca.tracking import track_video
    from stca.tracklets import Embeddings, Splits, Tracklet

moved_modules.install()

_HOMES = {
    "stca.analysis": "Complexity measure_complexity",
    "stca.clips": "PKSampler sample_clips",
    "stca.config": "RunConfig",
    "stca.datasets": "DATASETS load_dataset",
    "stca.embedding": "embed_tracklets",
    "stca.errors": "CheckpointError ConfigError DatasetError DownloadError FrameError GalleryError "
    "RankingError StcaError TrainingError",
    "stca.evaluation": "evaluate",
    "stca.export": "ExportReport export_model",
    "stca.gallery": "Gallery Hit ModelFingerprint ModelMark Record add_tracklets",
    "stca.losses": "BatchHardTriplet CenterLoss ReIDObjective",
    "stca.models": "MODELS STCA CrossAttention ReIDOutput create_model load_model load_pretrained "
    "load_weights save_model",
    "stca.ranking": "PROTOCOLS Protocol RankMetrics rank",
    "stca.recipes": "RECIPES recipe",
    "stca.run_dir": "RunDir",
    "stca.runs": "train",
    "stca.tracking": "track_video",
    "stca.tracklets": "Embeddings Splits Tracklet",
}
"""Public names by the module that they are imported from."""
_HOME = {name: module for module, names in _HOMES.items() for name in names.split()}
__getattr__ = lazy_imports.lazy_names(__name__, _HOME)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


__all__ = [
    "DATASETS",
    "MODELS",
    "PROTOCOLS",
    "RECIPES",
    "STCA",
    "BatchHardTriplet",
    "CenterLoss",
    "CheckpointError",
    "Complexity",
    "ConfigError",
    "CrossAttention",
    "DatasetError",
    "DownloadError",
    "Embeddings",
    "ExportReport",
    "FrameError",
    "Gallery",
    "GalleryError",
    "Hit",
    "ModelFingerprint",
    "ModelMark",
    "PKSampler",
    "Protocol",
    "RankMetrics",
    "RankingError",
    "ReIDObjective",
    "ReIDOutput",
    "Record",
    "RunConfig",
    "RunDir",
    "Splits",
    "StcaError",
    "Tracklet",
    "TrainingError",
    "add_tracklets",
    "create_model",
    "embed_tracklets",
    "evaluate",
    "export_model",
    "load_dataset",
    "load_model",
    "load_pretrained",
    "load_weights",
    "measure_complexity",
    "rank",
    "recipe",
    "sample_clips",
    "save_model",
    "track_video",
    "train",
]
