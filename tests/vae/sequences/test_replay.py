"""Generative replay: new items and draws of the model that was there before."""

import torch

from sciencegen.batch import Batch
from sciencegen.vae.autoregressive import END
from sciencegen.vae.sequence_vae import replayed


class Counting:
    """Draws row k as k + 1 symbols and an end, the last row without an end."""

    latent_size = 2

    def __init__(self, length: int) -> None:
        self.length = length

    def generate(self, noise):
        position = torch.arange(self.length)
        size = torch.arange(len(noise))[:, None] + 1
        size[-1] = self.length
        tokens = torch.where(position < size, 7, END)
        return Batch({"tokens": tokens}, position <= size)


def own_batch(condition=None):
    return Batch(
        {"tokens": torch.tensor([[2, 3, END], [2, END, END], [3, END, END]])}, torch.ones(3, 3).bool(), condition
    )


def test_rows_are_the_new_items_then_the_ended_draws():
    batch = replayed(own_batch(), Counting(9), torch.Generator().manual_seed(0))
    assert batch["tokens"].tolist() == [[2, 3, END], [2, END, END], [3, END, END], [7, END, END], [7, 7, END]]
    assert batch.mask[3:].sum(1).tolist() == [2, 3]
    assert batch.condition is None


def test_draws_longer_than_the_items_are_padded_and_have_no_condition():
    batch = replayed(own_batch(torch.ones(3, 2)), Counting(2), torch.Generator().manual_seed(0))
    assert batch["tokens"].shape == (4, 3)
    assert batch.condition[:3].eq(1).all()
    assert batch.condition[3:].isnan().all()
    assert batch.mask[3].tolist() == [True, True, False]
