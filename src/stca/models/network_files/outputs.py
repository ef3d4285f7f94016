"""Which output of an image network is the embedding, and whether it can be one."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from stca.errors import CheckpointError, ConfigError
from stca.models.network_files.interface import OpenedNetwork
from stca.tools.lookup import suggest

_SMALLEST, _LARGEST = 8, 16384
_SCORE_NAMES = re.compile(
    r"(^|[^a-z])(cls|class|classes|classifier|logits?|scores?|probs?|softmax)([^a-z]|$)", re.I
)


def choose_output(network: OpenedNetwork, found: Mapping[str, np.ndarray], wanted: str | None) -> str:
    """The name of the output that is the embedding.

    Vectors are outputs of (N, D), trailing sides of 1 aside. Class scores are no embedding: outputs named so,
    those that sum to 1, and those that a linear layer computes from another vector of the file.

    Args:
        network: opened.
        found: all outputs for one picture (or a full fixed batch).
        wanted: what the user named, taken as it is.

    Raises:
        ConfigError: no such output, or several that could be the embedding.
        CheckpointError: none that could be.

    """
    if wanted is not None and wanted not in found:
        raise ConfigError(
            f"The network has no output {wanted!r}",
            expected=f"one of {_list(found)}",
            found=wanted,
            where=network.input.where,
            hint=suggest(wanted, found),
        )
    vectors = [name for name, value in found.items() if is_vector(value)]
    if wanted is not None and wanted in vectors:
        return wanted
    if wanted is not None or not vectors:
        raise CheckpointError(
            "This is no image re-identification network",
            expected=f"an output of one vector of {_SMALLEST} to {_LARGEST} numbers per picture",
            found=_list({wanted: found[wanted]} if wanted else found),
            where=network.input.where,
        )
    scores = [name for name in vectors if _is_scores(name, found[name], network.computed_from, vectors)]
    left = [name for name in vectors if name not in scores]
    if len(left) == 1:
        return left[0]
    if not left:
        raise ConfigError(
            "This network gives class scores, which are no embedding",
            expected="an output of the layer before the classifier",
            found=_list(found),
            where=network.input.where,
            hint="export it without its classifier; if these are vectors all the same, name the output: "
            f"--output {vectors[0]} (output={vectors[0]!r})",
        )
    raise ConfigError(
        "This network has several outputs that could be the embedding",
        expected="one of them to be named",
        found=_list(found),
        where=network.input.where,
        hint=f"--output NAME (output=NAME), for example --output {left[0]}",
    )


def is_vector(value: np.ndarray) -> bool:
    """Whether an output is one vector of numbers per picture."""
    flat = value.ndim >= 2 and all(side == 1 for side in value.shape[2:])
    return flat and value.dtype.kind == "f" and _SMALLEST <= value.shape[1] <= _LARGEST


def _is_scores(
    name: str, value: np.ndarray, computed_from: Mapping[str, frozenset[str]], vectors: list[str]
) -> bool:
    rows = value.reshape(len(value), -1).astype(np.float64)
    probabilities = bool((rows >= 0).all() and np.allclose(rows.sum(axis=1), 1, atol=1e-2))
    return (
        probabilities
        or bool(_SCORE_NAMES.search(name))
        or bool(computed_from.get(name, frozenset()) & {*vectors})
    )


def _list(outputs: Mapping[str, np.ndarray]) -> str:
    return "; ".join(f"{name}: {value.dtype.name} {value.shape}" for name, value in outputs.items())
