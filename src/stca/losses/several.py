"""Networks with several outputs per clip, or one per frame: PSTA, TCLNet, STMN."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from stca.losses.objective import LossParts, ReIDObjective


class SeveralObjectives(nn.Module):
    """The sum of one objective per output.

    Args:
        objectives: one per output, in their order; each has its own centres.

    """

    def __init__(self, objectives: Sequence[ReIDObjective]) -> None:
        super().__init__()
        self.objectives = nn.ModuleList(objectives)

    def forward(
        self,
        outputs: Sequence[tuple[Float[Tensor, "_ _"], Float[Tensor, "_ _"]]],
        person_ids: Int64[Tensor, " B"],
    ) -> LossParts:
        """Loss of one batch.

        Args:
            outputs: (pooled, logits) each, of the clips or of all their frames, a clip's frames side by side.
            person_ids: of the clips, numbers from 0 to num_ids - 1.

        Raises:
            ValueError: another number of outputs, or of rows than a multiple of the clips.

        """
        losses = []
        for objective, (pooled, logits) in zip(self.objectives, outputs, strict=True):
            frames, left = divmod(len(pooled), len(person_ids))
            if left or not frames:
                raise ValueError(
                    f"{len(pooled)} rows are no whole number for each of {len(person_ids)} clips"
                )
            losses.append(objective(pooled, logits, person_ids.repeat_interleave(frames)))
        return LossParts(*(torch.stack(terms).sum() for terms in zip(*losses, strict=True)))
