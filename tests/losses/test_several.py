import pytest
import torch

from stca.losses import ReIDObjective, SeveralObjectives


def test_it_is_the_sum_over_outputs_and_frames_have_the_person_of_their_clip() -> None:
    torch.manual_seed(0)
    objectives = [ReIDObjective(3, 4), ReIDObjective(3, 5, margin=0.1)]
    ids = torch.tensor([0, 2, 2])
    clips, frames = (torch.randn(3, 4), torch.randn(3, 3)), (torch.randn(6, 5), torch.randn(6, 3))
    found = SeveralObjectives(objectives)([clips, frames], ids)
    of_clips = objectives[0](*clips, ids)
    of_frames = objectives[1](*frames, torch.tensor([0, 0, 2, 2, 2, 2]))
    for part, a, b in zip(found, of_clips, of_frames, strict=True):
        torch.testing.assert_close(part, a + b)


def test_outputs_that_do_not_fit_are_refused() -> None:
    both = SeveralObjectives([ReIDObjective(3, 4)])
    with pytest.raises(ValueError, match="4 rows"):
        both([(torch.randn(4, 4), torch.randn(4, 3))], torch.tensor([0, 1, 2]))
    with pytest.raises(ValueError, match="zip"):
        both([], torch.tensor([0, 1, 2]))
