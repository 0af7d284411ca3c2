"""The likeliest sequences of an autoregressive decoder, greedily or by beam search; the first one that is accepted."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from sciencegen.batch import Batch
from sciencegen.vae.sequences.autoregressive import State, Step, advance, unroll
from sciencegen.vae.sequences.resampling import Accept, best_of


def most_likely(
    start: int, end: int, step: Step, state: State, length: int
) -> tuple[Int[Tensor, "batch position"], Bool[Tensor, "batch position"]]:
    """Greedy decoding: the most likely token at each step, up to `length`. Tokens and mask as of `decode`."""
    rows = torch.arange(len(state[0]), device=state[0].device)
    return unroll(start, end, step, state, length, rows, lambda logits, rows, position: logits.argmax(1, keepdim=True))


def beam_search(
    start: int, end: int, step: Step, state: State, length: int, width: int
) -> tuple[Int[Tensor, "batch beam position"], Bool[Tensor, "batch beam position"], Float[Tensor, "batch beam"]]:
    """The likeliest sequences that a search of this width finds for each row, best first: tokens and masks as of
    `decode`, and log p. At each step the `width` likeliest continuations are kept; a sequence that has ended is not
    continued."""
    count = len(state[0])
    tokens = torch.full((count, width, length), end, dtype=torch.long, device=state[0].device)
    mask = torch.zeros(tokens.shape, dtype=torch.bool, device=tokens.device)
    state = tuple(part.repeat_interleave(width, 0) for part in state)
    previous = torch.full((count * width, 1), start, dtype=torch.long, device=tokens.device)
    score = torch.full((count, width), -torch.inf, dtype=torch.float64, device=tokens.device)
    score[:, 0] = 0.0  # the beams are equal at first
    for position in range(length):
        going = ~(mask & (tokens == end)).any(2)
        if not going.any():
            break
        logits, state = advance(step, previous, state)
        log_p = torch.log_softmax(logits[:, 0].double(), -1).unflatten(0, (count, width))
        stay = torch.full_like(log_p, -torch.inf)
        stay[..., end] = 0.0
        total = (score[..., None] + torch.where(going[..., None], log_p, stay)).flatten(1)
        score, best = total.topk(width, 1)
        parent, chosen = best // log_p.shape[-1], best % log_p.shape[-1]
        row = torch.arange(count, device=tokens.device)[:, None]
        tokens, mask, going = tokens[row, parent], mask[row, parent], going[row, parent]
        tokens[..., position], mask[..., position] = chosen, going
        flat = (row * width + parent).flatten()
        previous, state = chosen.flatten()[:, None], tuple(part[flat] for part in state)
    return tokens, mask, score


def first_accepted(ranked: Batch, accept: Accept | None) -> tuple[Batch, Bool[Tensor, " batch"]]:
    """The first of each row's sequences that is accepted, else the first one, and which rows have one.

    Parameters
    ----------
    ranked : Batch
        Its tokens and mask are [batch rank position].
    accept : Accept, optional
        None: every sequence is accepted. It sees as few sequences as possible.
    """
    assert ranked.mask is not None  # sequences differ in length
    count, width = ranked.mask.shape[:2]

    def attempt(rows: Tensor, number: int) -> tuple[Batch, Tensor]:
        return ranked.map(lambda part: part[rows, number]), torch.zeros(len(rows), device=rows.device)

    return best_of(attempt, accept, torch.arange(count, device=ranked.mask.device), width, 0.0)


def trimmed(batch: Batch) -> Batch:
    """Sequences without the last positions, where all of them are padding: decoders pad to the length of the model."""
    assert batch.mask is not None  # sequences differ in length
    longest = max(1, int(batch.mask.any(0).sum()))
    return Batch({"tokens": batch["tokens"][:, :longest]}, batch.mask[:, :longest], batch.condition)
