"""What a run is: frozen dataclasses, their YAML, and dotted overrides."""

from stca.config.settings import (
    BatchConfig,
    ClipConfig,
    DataConfig,
    EvalConfig,
    LossConfig,
    ModelConfig,
    OptimConfig,
    RunConfig,
)
from stca.config.text import differences, from_yaml, override, parse_assignments, to_yaml

__all__ = [
    "BatchConfig",
    "ClipConfig",
    "DataConfig",
    "EvalConfig",
    "LossConfig",
    "ModelConfig",
    "OptimConfig",
    "RunConfig",
    "differences",
    "from_yaml",
    "override",
    "parse_assignments",
    "to_yaml",
]
