"""Networks from clips to `ReIDOutput`, by name, and their weights."""

from stca.models.create import MODELS, build_model, create_model
from stca.models.cross_attention import CrossAttention
from stca.models.heads import ModelSpec, ReIDModel, ReIDOutput
from stca.models.image_reid import IMAGE_REID_SUFFIXES, ImageReID
from stca.models.model_files import load_model, model_bytes, save_model
from stca.models.pretrained import DEFAULT_PRETRAINED, PRETRAINED, load_pretrained
from stca.models.stca import STCA
from stca.models.two_stream import TwoStream
from stca.models.weights import WeightsReport, load_weights

__all__ = [
    "DEFAULT_PRETRAINED",
    "IMAGE_REID_SUFFIXES",
    "MODELS",
    "PRETRAINED",
    "STCA",
    "CrossAttention",
    "ImageReID",
    "ModelSpec",
    "ReIDModel",
    "ReIDOutput",
    "TwoStream",
    "WeightsReport",
    "build_model",
    "create_model",
    "load_model",
    "load_pretrained",
    "load_weights",
    "model_bytes",
    "save_model",
]
