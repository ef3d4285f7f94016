"""An opened network as a function from any number of pictures to as many vectors."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from stca.errors import CheckpointError, StcaError
from stca.models.network_files.interface import OpenedNetwork
from stca.models.network_files.outputs import choose_output

Pictures = Float32[np.ndarray, "N 3 H W"]

_SAME = 0.999
"""Least cosine of one picture's vectors beside other pictures, for its batch to be used."""
_RELATED = 0.9
"""Below it the pictures of a batch change each other's vectors."""


class VectorNetwork:
    """Checks a network by two small pictures, then runs it.

    Args:
        network: opened.
        size: (H, W) of the pictures.
        scale: of their values: 1 or 255.
        output: the name of the output that is the embedding; None: it must be clear.

    Raises:
        ConfigError: it is not clear, or there is no such output.
        CheckpointError: no output is an embedding, or its vectors are not those of single pictures.
        StcaError: the first run fails.

    """

    def __init__(
        self, network: OpenedNetwork, size: tuple[int, int], *, scale: float, output: str | None = None
    ) -> None:
        self.network, self.batch = network, network.input.shape[0]
        probes = scale * np.random.default_rng(0).random((3, 3, *size), dtype=np.float32)
        first = np.resize(probes[:1], (self.batch or 1, *probes.shape[1:]))
        found = self.network.run(first)
        self.output = choose_output(network, found, output)
        self._check_count(found[self.output], len(first))
        self.dim = int(found[self.output].reshape(len(first), -1).shape[1])
        self._check_batch(probes)

    def __call__(self, pictures: Pictures) -> Float32[np.ndarray, "N D"]:
        """Vectors of pictures in the values that the network expects.

        A file with a fixed batch gets full batches, the last one filled with its first picture.

        Raises:
            StcaError: the network fails, or gives values that are not finite.

        """
        if self.batch is None:
            return self._rows(pictures)
        parts = []
        for start in range(0, len(pictures), self.batch):
            part = pictures[start : start + self.batch]
            full = np.concatenate([part, np.repeat(part[:1], self.batch - len(part), axis=0)])
            parts.append(self._rows(full)[: len(part)])
        return np.concatenate(parts)

    def _rows(self, pictures: Pictures) -> Float32[np.ndarray, "N D"]:
        (value,) = self.network.run(pictures, (self.output,)).values()
        rows = value.astype(np.float32).reshape(len(value), -1)
        if len(rows) != len(pictures) or not np.isfinite(rows).all():
            raise StcaError(
                "The network gives no vectors for these pictures",
                expected=f"({len(pictures)}, {self.dim}) finite numbers",
                found=f"{self.output}: {rows.shape}, {np.isfinite(rows).mean():.0%} of them finite",
                where=self.network.input.where,
                hint="a float32 export where it computes in float16; a dynamic batch where rows are missing",
            )
        return rows

    def _check_count(self, value: np.ndarray, count: int) -> None:
        if len(value) != count:
            raise CheckpointError(
                "This is no image re-identification network",
                expected=f"{count} vectors for {count} pictures",
                found=f"{self.output}: {value.shape}",
                where=self.network.input.where,
            )

    def _check_batch(self, probes: Pictures) -> None:
        """Pictures must not change each other's vectors; where a larger batch fails, it is one at a time."""
        alone = self(probes[:1])[0]
        try:
            beside = [self(probes[[0, other]])[0] for other in (1, 2)]
        except StcaError:
            if self.batch is not None:
                raise
            self.batch = 1  # the file says that its batch is open, and its graph has a fixed one in it
            beside = [self(probes[:1])[0]]
        likeness = min(_cosine(alone, vector) for vector in beside)
        if likeness < _RELATED:
            raise CheckpointError(
                "The vector of a picture depends on the pictures beside it",
                expected="a network that was exported in evaluation mode",
                found=f"cosine {likeness:.3f} of the same picture's vectors in two batches",
                where=self.network.input.where,
                hint="call model.eval() before exporting it",
            )
        if likeness < _SAME and self.batch is None:
            self.batch = 1  # int8 networks may scale by the whole batch


def _cosine(a: np.ndarray, b: np.ndarray) -> float:
    length = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / length if length else float(np.array_equal(a, b))
