"""The checks of signatures do check, and take annotations as jaxtyping's own decorator does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import torch
from jaxtyping import Float, TypeCheckError
from torch import Tensor

import typecheck
from stca.models.backbones.channels import split_channels

if TYPE_CHECKING:
    from nowhere import Nothing

Rows = Float[Tensor, "N D"]


@typecheck.jaxtyped(typechecker=typecheck.check)
def add(x: Rows, y: Rows, *, times: float = 1) -> Float[Tensor, "N D"]:
    return (x + y * times)[: int(times)]


@typecheck.jaxtyped(typechecker=typecheck.check)
def count(until: int) -> Iterator[int]:
    yield from range(until)


@typecheck.jaxtyped(typechecker=typecheck.check)
def anything(it: Nothing) -> str:
    return it  # type: ignore[return-value]


@typecheck.jaxtyped(typechecker=typecheck.check)
@dataclass
class Pair:
    a: Float[Tensor, "N D"]
    b: Float[Tensor, "N D"]

    @staticmethod
    @typecheck.jaxtyped(typechecker=typecheck.check)
    def of(size: int) -> Pair:
        return Pair(torch.zeros(size, 1), torch.zeros(size, 1))

    @typecheck.jaxtyped(typechecker=typecheck.check)
    def size(self, wrong: bool = False) -> int:
        return "many" if wrong else len(self.a)  # type: ignore[return-value]


def test_arguments_and_results_are_checked() -> None:
    zeros = torch.zeros
    assert add(zeros(3, 2), zeros(3, 2), times=3).shape == (3, 2)
    for x, y, times in [
        (zeros(3, 2), zeros(4, 2), 3),  # two lengths for N
        (zeros(3, 2), zeros(3, 2).long(), 3),
        (zeros(3, 2), [[0.0]], 3),
        (zeros(3, 2), zeros(3, 2), "3"),
        (zeros(3, 2), zeros(3, 2), 2),  # the result has another N
    ]:
        with pytest.raises(TypeCheckError, match="violates type hint"):
            add(x, y, times=times)
    assert add(zeros(5, 1), zeros(5, 1), times=5).shape == (5, 1), "each call has its own N"


def test_functions_without_arrays_are_checked_too() -> None:
    assert list(count(3)) == [0, 1, 2]
    with pytest.raises(TypeCheckError, match="Type-check error"):
        count("3")  # before an item is asked for
    pair = Pair.of(3)
    assert pair.size() == 3
    with pytest.raises(TypeCheckError, match="violates type hint"):
        pair.size(wrong=True)
    with pytest.raises(TypeCheckError, match="violates type hint"):
        Pair(torch.zeros(3, 1), torch.zeros(4, 1))


def test_what_is_there_for_type_checkers_only_passes() -> None:
    assert anything("a text") == "a text"
    with pytest.raises(TypeCheckError, match="violates type hint"):
        anything(3)


def test_a_length_that_an_argument_says() -> None:
    first, second = split_channels(torch.zeros(1, 5, 2, 2), 3)
    assert (first.shape[1], second.shape[1]) == (3, 2)


def test_the_package_is_checked() -> None:
    with pytest.raises(TypeCheckError, match="Type-check error"):
        split_channels("no tensor", 3)


def test_it_can_be_switched_off(as_users_run_it: None) -> None:
    assert add(torch.zeros(3, 2), torch.zeros(1, 2), times=1).shape == (1, 2)
