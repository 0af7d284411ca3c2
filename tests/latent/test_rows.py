"""Arrays that a model infers from latents, in chunks and with little memory."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from sciencegen.latent.explorer import LatentRows
from sciencegen.vae.array_vae import ArrayVAE
from tests.toy.models import RECIPE, untrained

ROOM = 5


class Inferring(ArrayVAE):
    """Has room for a few rows at once; `asked` are the numbers of rows that it was called with."""

    def __init__(self, room: int) -> None:
        super().__init__(10, 1, RECIPE.settings())
        self.room, self.asked = room, list[int]()

    def inferred(self, latent: Tensor, condition: Tensor | None = None) -> dict[str, Tensor]:
        self.asked.append(len(latent))
        if len(latent) > self.room:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")
        return {"double": 2 * latent, "sum": latent.sum(1)}


def rows_of(model: Inferring) -> LatentRows:
    return LatentRows(model, untrained()[1], cpu_rows=12)


def test_inferred_arrays_are_those_of_the_chunks_in_order() -> None:
    model = Inferring(room=12)
    rows = rows_of(model)
    latents = np.random.default_rng(0).standard_normal((29, rows.size), np.float32)
    for threads in (1, 2):
        found = replace(rows, threads=threads).inferred(latents)
        np.testing.assert_array_equal(found["double"], 2 * latents)
        assert found["sum"] == pytest.approx(latents.sum(1), abs=1e-5)
    assert sorted(model.asked) == [5, 5, 12, 12, 12, 12]
    assert rows.inferred(latents[:0]) == {}


def test_inferred_arrays_are_computed_in_halves_where_memory_is_short() -> None:
    model = Inferring(ROOM)
    rows = rows_of(model)
    latents = np.random.default_rng(0).standard_normal((14, rows.size), np.float32)
    with pytest.warns(UserWarning, match="in halves"):
        found = rows.inferred(latents)
    np.testing.assert_array_equal(found["double"], 2 * latents)
    assert found["sum"].shape == (14,)
    assert model.asked == [12, 6, 3, 3, 6, 3, 3, 2]
