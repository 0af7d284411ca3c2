"""What breaks an annotation is refused, also where a call before kept it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from beartype import beartype
from jaxtyping import Float, TypeCheckError
from torch import Tensor

from tests.annotations import jaxtyped_once

annotated = jaxtyped_once(typechecker=beartype)


@annotated
def first(rows: Float[Tensor, "row column"], of: str = "rows") -> Float[Tensor, " row"]:
    return rows[:, 0] if of == "rows" else rows[0]


@annotated
@dataclass(frozen=True)
class Pair:
    left: Float[Tensor, " n"]
    right: Float[Tensor, " n"]


ROWS = torch.zeros(2, 3)
BROKEN: dict[str, Callable[[], object]] = {
    "shape": lambda: first(ROWS[0]),
    "numbers": lambda: first(ROWS.int()),
    "type": lambda: first(ROWS.numpy()),
    "result": lambda: first(ROWS, of="columns"),
    "record": lambda: Pair(ROWS[0], ROWS[:, 0]),
}


@pytest.mark.parametrize("call", BROKEN.values(), ids=BROKEN)
def test_what_is_unlike_the_calls_before_is_refused_each_time(call):
    for _ in range(2):
        assert first(ROWS).shape == (2,)
        assert Pair(ROWS[0], ROWS[1]).left.shape == (3,)
        with pytest.raises(TypeCheckError):
            call()


def test_the_same_arguments_may_not_bring_another_result():
    results = [torch.zeros(2), torch.zeros(2), torch.zeros(3)]

    @annotated
    def next_of(rows: Float[Tensor, "row column"]) -> Float[Tensor, " row"]:
        return results.pop(0)

    next_of(ROWS), next_of(ROWS)
    with pytest.raises(TypeCheckError):
        next_of(ROWS)


def test_a_function_that_is_made_anew_is_checked_as_the_one_before():
    def made(result: Tensor) -> Callable[[Tensor], Tensor]:
        @annotated
        def give(rows: Float[Tensor, "row column"]) -> Float[Tensor, " row"]:
            return result

        return give

    made(ROWS[:, 0])(ROWS)
    for wrong in (ROWS[0], ROWS):
        with pytest.raises(TypeCheckError):
            made(wrong)(ROWS)
