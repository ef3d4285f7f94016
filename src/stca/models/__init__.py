"""Networks from clips to `ReIDOutput`, by name, and their weights."""

from typing import TYPE_CHECKING

from stca.tools.lazy_imports import homes, lazy_names

if TYPE_CHECKING:
    from stca.models.create import MODELS, build_model, create_model
    from stca.models.cross_attention import CrossAttention
    from stca.models.heads import ModelSpec, ReIDModel, ReIDOutput
    from stca.models.image_network import ARCHITECTURES, ImageNetwork
    from stca.models.image_reid import IMAGE_REID_SUFFIXES, ImageReID
    from stca.models.peers import PEERS
    from stca.models.stca import STCA
    from stca.models.two_stream import TwoStream
    from stca.models.weights.foreign import WeightsReport, load_weights
    from stca.models.weights.model_files import load_model, model_bytes, save_model
    from stca.models.weights.pretrained import DEFAULT_PRETRAINED, PRETRAINED, load_pretrained
    from stca.models.weights.reid_checkpoints import load_reid_checkpoint

_MODULES = {
    "create": "MODELS build_model create_model",
    "cross_attention": "CrossAttention",
    "heads": "ModelSpec ReIDModel ReIDOutput",
    "image_network": "ARCHITECTURES ImageNetwork",
    "image_reid": "IMAGE_REID_SUFFIXES ImageReID",
    "peers": "PEERS",
    "stca": "STCA",
    "two_stream": "TwoStream",
    "weights.foreign": "WeightsReport load_weights",
    "weights.model_files": "load_model model_bytes save_model",
    "weights.pretrained": "DEFAULT_PRETRAINED PRETRAINED load_pretrained",
    "weights.reid_checkpoints": "load_reid_checkpoint",
}
"""Names by module, imported when first used: the command line asks the package for less than PyTorch."""

__getattr__ = lazy_names(__name__, homes(__name__, _MODULES))

__all__ = [
    "ARCHITECTURES",
    "DEFAULT_PRETRAINED",
    "IMAGE_REID_SUFFIXES",
    "MODELS",
    "PEERS",
    "PRETRAINED",
    "STCA",
    "CrossAttention",
    "ImageNetwork",
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
    "load_reid_checkpoint",
    "load_weights",
    "model_bytes",
    "save_model",
]
