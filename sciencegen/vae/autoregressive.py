"""An autoregressive categorical likelihood whose sampling is a deterministic, invertible map from normal noise.

A sequence x of tokens has log p(x | z) = sum_t log p(x_t | x_<t, z). Ancestral sampling by the inverse distribution
function writes it as a function of standard normal noise u, one number per position:

    x_t = F^-1( Phi(u_t) | x_<t, z ),      F(k) = sum_{j <= k} p(j | x_<t, z).

Read as a latent variable, u has an exact posterior given x: the standard normal truncated to the interval that F
assigns to x_t. Its divergence from the prior is KL = -log p(x_t | x_<t, z), so the bound over (z, u) equals the bound
over z alone (nothing is lost), while (z, u) together encode every sequence without loss: `noise` returns the interval's
median, and `decode` of it is x again. A minimum of every probability keeps intervals wider than rounding errors.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from sciencegen.batch import Batch
from sciencegen.networks.sequence import PropertyReader

END, START = 0, 1
"""Special tokens; END also fills the masked positions."""

State = tuple[Tensor, ...]
"""All that the next step depends on, apart from the previous token; each part [batch ...]."""
Step = Callable[[Tensor, State], tuple[Tensor, State]]
"""(previous tokens [batch 1], state) -> (logits [batch 1 vocabulary], state)."""

Choose = Callable[[Tensor, Tensor, int], Tensor]
"""(logits [row vocabulary], rows, position) -> tokens [row 1]."""

LEAST_ROWS = 32
"""Matrix products of few rows (less than 4 on some processors, less than 16 on others) are summed in another order: a
row decoded alone would get other logits than when it was encoded among many, and 2 % of molecules would be decoded to
other ones."""

FLOOR = 1e-4
"""Total probability spread evenly over the vocabulary, so that any sequence has a code."""


@dataclass(frozen=True)
class AutoregressiveCategorical:
    """log p(x | z) from teacher-forced logits; `mask` marks the positions that count (the end token included)."""

    logits: Float[Tensor, "batch position vocabulary"]
    mask: Bool[Tensor, "batch position"]

    def log_prob(self, tokens: Int[Tensor, "batch position"]) -> Float[Tensor, " batch"]:
        log_p = torch.log_softmax(self.logits.float(), -1).gather(-1, tokens[..., None])[..., 0]
        return (log_p * self.mask).sum(1)


def previous_tokens(batch: Batch, start: int) -> Int[Tensor, "batch position"]:
    """The true token before each position, with which a decoder is taught; that before the first is `start`."""
    tokens = batch["tokens"]
    return torch.cat([torch.full_like(tokens[:, :1], start), tokens[:, :-1]], 1)


def distribution(logits: Float[Tensor, "batch vocabulary"]) -> Float[Tensor, "batch vocabulary"]:
    """F of the module's docstring, in double precision; its last value is exactly 1."""
    p = torch.softmax(logits.double(), -1) * (1 - FLOOR) + FLOOR / logits.shape[-1]
    cumulative = p.cumsum(-1)
    return cumulative / cumulative[:, -1:]


def filled(rows: Tensor) -> Tensor:
    """The rows, the last one repeated until there are LEAST_ROWS."""
    lacking = LEAST_ROWS - len(rows)
    return rows if lacking <= 0 or not len(rows) else torch.cat([rows, rows[-1:].expand(lacking, *rows.shape[1:])])


def advance(step: Step, previous: Tensor, state: State) -> tuple[Tensor, State]:
    """One step; no row's result depends on the number of rows."""
    logits, after = step(filled(previous), tuple(filled(part) for part in state))
    return logits[: len(previous)], tuple(part[: len(previous)] for part in after)


def encode(
    tokens: Int[Tensor, "batch position"], mask: Bool[Tensor, "batch position"], start: int, step: Step, state: State
) -> Float[Tensor, "batch position"]:
    """The posterior median of u: Phi^-1 of the middle of each token's interval; 0 where masked."""
    noise = torch.zeros(tokens.shape, dtype=torch.float64, device=tokens.device)
    rows = mask[:, 0].nonzero()[:, 0]
    previous, state = torch.full_like(tokens[rows, :1], start), tuple(part[rows] for part in state)
    for position in range(tokens.shape[1]):
        if not len(rows):
            break
        logits, state = advance(step, previous, state)
        cumulative = distribution(logits[:, 0])
        previous = tokens[rows, position, None]
        upper = cumulative.gather(1, previous)
        lower = torch.where(previous > 0, cumulative.gather(1, (previous - 1).clamp_min(0)), 0.0)
        noise[rows, position] = _normal_quantile((lower + upper) / 2)[:, 0]
        going = mask[rows, min(position + 1, tokens.shape[1] - 1)].nonzero()[:, 0]
        rows, previous, state = rows[going], previous[going], tuple(part[going] for part in state)
    return noise.float()


def decode(
    noise: Float[Tensor, "batch position"], start: int, end: int, step: Step, state: State
) -> tuple[Int[Tensor, "batch position"], Bool[Tensor, "batch position"]]:
    """The sequence x of noise u: tokens and the mask of real positions; without an end token the mask is all True.

    Rows that have ended are not computed further.
    """
    quantile = torch.special.ndtr(noise.double())

    def choose(logits: Tensor, rows: Tensor, position: int) -> Tensor:
        cumulative = distribution(logits)
        chosen = torch.searchsorted(cumulative, quantile[rows, position, None], right=True)
        return chosen.clamp_max(cumulative.shape[1] - 1)

    return unroll(start, end, step, state, noise.shape[1], torch.arange(len(noise), device=noise.device), choose)


def unroll(
    start: int, end: int, step: Step, state: State, length: int, rows: Int[Tensor, " batch"], choose: Choose
) -> tuple[Int[Tensor, "batch position"], Bool[Tensor, "batch position"]]:
    """Tokens and mask of `decode`, each token chosen from the logits of its step. rows: 0 to batch - 1."""
    tokens = torch.full((len(rows), length), end, dtype=torch.long, device=rows.device)
    mask = torch.zeros(tokens.shape, dtype=torch.bool, device=rows.device)
    previous = torch.full((len(rows), 1), start, dtype=torch.long, device=rows.device)
    for position in range(length):
        logits, state = advance(step, previous, state)
        chosen = choose(logits[:, 0], rows, position)
        tokens[rows, position], mask[rows, position] = chosen[:, 0], True
        going = (chosen[:, 0] != end).nonzero()[:, 0]
        if not len(going):
            break
        rows, previous, state = rows[going], chosen[going], tuple(part[going] for part in state)
    return tokens, mask


def shift(noise: Float[Tensor, "batch position"], number: int) -> Float[Tensor, "batch position"]:
    """Rotation `number` of the noise: frac(Phi(u) + number alpha_t), standard normal again; 0 is the noise itself.

    Cranley & Patterson, SIAM J. Numer. Anal. 1976, 13, 904. alpha_t = t times the golden ratio, so that the rotations
    of one row lie far apart at nearly all positions (not where t is a Fibonacci number of 13 or more).
    """
    if not number:
        return noise
    golden = torch.arange(1, noise.shape[1] + 1, dtype=torch.float64, device=noise.device) * ((math.sqrt(5) - 1) / 2)
    rotated = torch.frac(torch.special.ndtr(noise.double()) + torch.frac(number * golden))
    return _normal_quantile(rotated.clamp(1e-9, 1 - 1e-9)).float()


def _normal_quantile(probability: Tensor) -> Tensor:
    return math.sqrt(2) * torch.erfinv(2 * probability - 1)


# Estimate the properties of a sequence after each token: E[y | x_1 .. x_t]; the last is that of the whole sequence.


def expected(reader: PropertyReader, batch: Batch, start: int) -> Float[Tensor, "batch step property"]:
    """E[y | x_1 .. x_t] for t from 0 on; the token `start` precedes the first."""
    tokens = batch["tokens"]
    return reader(torch.cat([torch.full_like(tokens[:, :1], start), tokens], 1))[0]


def at_end(estimates: Float[Tensor, "batch step property"], batch: Batch) -> Float[Tensor, "batch property"]:
    """The estimate after each row's last token."""
    assert batch.mask is not None  # sequences differ in length
    last = batch.mask.sum(1)
    return estimates[torch.arange(len(last), device=last.device), last]


def error(estimates: Float[Tensor, "batch step property"], batch: Batch) -> Tensor:
    """Error of the estimates after each token and of the last one, each weighted by half; batch.condition is the truth.

    The estimate before the first token is excluded: it is a constant, for which a decoder can compensate.
    """
    if batch.condition is None:
        return estimates.new_zeros(())
    rows = batch.condition[:, None].expand_as(estimates[:, 1:])[batch.mask]
    each = property_error(estimates[:, 1:][batch.mask], rows)
    return (each + property_error(at_end(estimates, batch), batch.condition)) / 2


def property_error(estimate: Float[Tensor, "item property"], known: Float[Tensor, "item property"] | None) -> Tensor:
    """Mean over the items of the squared error, summed over the properties that are known (not NaN)."""
    if known is None:
        return estimate.new_zeros(())
    return ((estimate - known.nan_to_num(0.0)).square() * ~known.isnan()).sum(1).mean()


# Resampling: under a condition, draw until the model's own estimate for a well-formed draw is near the request.
#
#     try k requests  c (1 + lean k / (tries - 1)),   and is kept if  ||E[y | x] - c||  is the least so far
#
# A row is done when its best draw is within `near`; a rare request takes more tries, and extrapolates further. c is
# standardized, so that `lean` moves the request away from the mean of the data (at a QED of 0.5, 16 tries miss by 0.061
# instead of 0.069; at 0.6 it changes nothing). A draw is well formed if its item is encoded as exactly this sequence.
# Malformed draws contain what no training sequence has (rings that are not closed, branch ends without a meaning): they
# give unusual items, whose properties the model estimates badly (the QED of the shipped model's draws by 0.11 to 0.15,
# that of well-formed ones by 0.015 to 0.036), so that selecting by the best estimate would select these. No oracle is
# used.

Draw = Callable[[Float[Tensor, "batch position"], Float[Tensor, "batch property"]], Batch]
Miss = Callable[[Batch, Float[Tensor, "batch property"]], Float[Tensor, " batch"]]
Accept = Callable[[Batch], Bool[Tensor, " batch"]]
Try = Callable[[Int[Tensor, " row"], int], tuple[Batch, Float[Tensor, " row"]]]
"""(rows, number of the try) -> their draws, and how far each is from what was requested."""

MALFORMED = 1e6
"""Added to the miss of a malformed draw, which is kept only if no draw is well formed. Doubles hold both numbers."""


def resample(
    draw: Draw, miss: Miss, accept: Accept | None, noise: Float[Tensor, "batch position"],
    condition: Float[Tensor, "batch property"], tries: int, near: float, lean: float,
) -> Batch:  # fmt: skip
    """The best draw of each row. miss: distance of a draw's estimate from a condition; infinite without an end.
    tries: most draws for each row. near: a miss that is good enough, in standard deviations of the data. lean: share of
    the condition that the last try adds to it."""

    def attempt(rows: Tensor, number: int) -> tuple[Batch, Tensor]:
        asked = condition[rows] * (1 + lean * number / max(tries - 1, 1))
        drawn = draw(shift(noise[rows], number), asked)
        return drawn, miss(drawn, condition[rows])

    rows = torch.arange(len(noise), device=noise.device)
    return best_tries(attempt, accept, rows, tries, near)[0]


def best_tries(
    attempt: Try, accept: Accept | None, rows: Int[Tensor, " batch"], tries: int, near: float
) -> tuple[Batch, Bool[Tensor, " batch"]]:
    """The best draw of each row, and which of them are well formed and have an end.

    `accept` (None: all are well formed) is called only with draws that would be the best of their row. No row's result
    depends on the others. rows: 0 to batch - 1.
    """
    least = torch.full((len(rows),), torch.inf, dtype=torch.float64, device=rows.device)
    best: Batch | None = None
    for number in range(tries):
        drawn, miss = attempt(rows, number)
        found = _judged(drawn, miss.double(), least[rows], accept)
        better = found < least[rows]
        best = drawn if best is None else placed(best, rows[better], drawn.select(better))
        least[rows[better]] = found[better]
        rows = rows[least[rows] > near]
        if not len(rows):
            break
    assert best is not None  # there is at least one try
    return best, least < MALFORMED


def _judged(
    drawn: Batch, found: Float[Tensor, " batch"], least: Float[Tensor, " batch"], accept: Accept | None
) -> Float[Tensor, " batch"]:
    """The misses, increased by `MALFORMED` for malformed draws."""
    promising = (found < least).nonzero()[:, 0]
    if accept is None or not len(promising):
        return found
    malformed = torch.zeros_like(found)
    malformed[promising] = (~accept(drawn.select(promising))).to(found)
    return found + MALFORMED * malformed


def placed(batch: Batch, rows: Tensor, others: Batch) -> Batch:
    """The batch with these rows (indices or a mask) replaced."""

    def put(old: Tensor, new: Tensor) -> Tensor:
        old = old.clone()
        old[rows] = new
        return old

    assert batch.mask is not None  # sequences differ in length
    assert others.mask is not None
    return Batch({name: put(batch[name], others[name]) for name in batch.fields}, put(batch.mask, others.mask))


# The likeliest sequences of an autoregressive decoder, greedily or by beam search; the first one that is accepted.


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

    return best_tries(attempt, accept, torch.arange(count, device=ranked.mask.device), width, 0.0)


def trimmed(batch: Batch) -> Batch:
    """Sequences without the last positions, where all of them are padding: decoders pad to the length of the model."""
    assert batch.mask is not None  # sequences differ in length
    longest = max(1, int(batch.mask.any(0).sum()))
    return Batch({"tokens": batch["tokens"][:, :longest]}, batch.mask[:, :longest], batch.condition)
