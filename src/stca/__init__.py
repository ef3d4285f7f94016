"""Video person re-identification: the STCA network, training, evaluation, tracking and search."""

from stca import moved_modules
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
from stca.version import __version__ as __version__

moved_modules.install()

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
