"""Video person re-identification: STCA, its training, its benchmarks and their protocols."""

__version__ = "0.1.0"
