"""The likeliest sequences of an autoregressive decoder: greedy, by beam search, and the likeliest that are accepted."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from sciencegen.batch import Batch
from sciencegen.vae.sequences.autoregressive import State, Step, advance, unroll
from sciencegen.vae.sequences.resampling import Accept, placed


def most_likely(
    start: int, end: int, step: Step, state: State, length: int
) -> tuple[Int[Tensor, "batch position"], Bool[Tensor, "batch position"]]:
    """Greedy decoding: the most likely token at each step, up to `length`. Tokens and mask as of `decode`."""
    rows = torch.arange(len(state[0]), device=state[0].device)
    return unroll(start, end, step, state, length, rows, lambda logits, rows, position: logits.argmax(1, keepdim=True))


def beam_search(
    start: int, end: int, step: Step, state: State, length: int, width: int
) -> tuple[Int[Tensor, "batch beam position"], Bool[Tensor, "batch beam position"]]:
    """The likeliest sequences that a search of this width finds for each row, best first: tokens and masks as of
    `decode`. At each step the `width` likeliest continuations are kept; a sequence that has ended is not continued."""
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
    return tokens, mask


def accepted(start: int, end: int, step: Step, state: State, length: int, width: int, accept: Accept | None) -> Batch:
    """Greedy decoding; where it isn't accepted, the likeliest sequence of a beam search that is, if there is one.

    Parameters
    ----------
    start, end : int
        Special tokens.
    step, state
        As of `autoregressive.decode`.
    length : int
        Most tokens of a sequence.
    width : int
        Of the beam search; 0: none.
    accept : Accept, optional
        None: every sequence is accepted.
    """
    tokens, mask = most_likely(start, end, step, state, length)
    greedy = Batch({"tokens": tokens}, mask)
    if accept is None or not width:
        return greedy
    wrong = (~accept(greedy)).nonzero()[:, 0]
    if not len(wrong):
        return greedy
    tokens, mask = beam_search(start, end, step, tuple(part[wrong] for part in state), length, width)
    others = Batch({"tokens": tokens.flatten(0, 1)}, mask.flatten(0, 1))
    good = accept(others).view(-1, width)
    found = good.any(1).nonzero()[:, 0]
    return placed(greedy, wrong[found], others.select(found * width + good[found].int().argmax(1)))
