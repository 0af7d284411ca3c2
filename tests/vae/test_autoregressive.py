"""Sequences as functions of noise, and the likeliest ones."""

import math
from itertools import product

import pytest
import torch

from sciencegen.batch import Batch
from sciencegen.vae import autoregressive
from sciencegen.vae.autoregressive import (
    AutoregressiveCategorical,
    beam_search,
    decode,
    distribution,
    encode,
    first_accepted,
    most_likely,
    shift,
    trimmed,
)

# Sampling as a map from noise: it inverts, it has the right distribution, and its bound loses nothing.


END, START = 0, 1


def markov(logits):
    """A step function whose next-token logits depend on the token before."""

    def step(previous, state):
        return logits[previous], state

    return step


@pytest.fixture
def chain():
    return markov(2 * torch.randn(7, 7, generator=torch.Generator().manual_seed(0)))


def test_decode_inverts_encode(chain):
    tokens, mask = decode(torch.randn(500, 30, generator=torch.Generator().manual_seed(1)), START, END, chain, ())
    again, again_mask = decode(encode(tokens, mask, START, chain, ()), START, END, chain, ())
    assert torch.equal(tokens, again)
    assert torch.equal(mask, again_mask)


def test_every_sequence_has_a_code_even_an_impossible_one():
    forbidding = torch.zeros(6, 6)
    forbidding[:, 4] = -1e4
    step = markov(forbidding)
    tokens = torch.tensor([[4, 4, 2, END]])
    mask = torch.ones_like(tokens, dtype=torch.bool)
    assert torch.equal(decode(encode(tokens, mask, START, step, ()), START, END, step, ())[0], tokens)


def test_normal_noise_gives_the_model_distribution(chain):
    tokens, _ = decode(torch.randn(40_000, 1, generator=torch.Generator().manual_seed(2)), START, END, chain, ())
    frequency = torch.bincount(tokens[:, 0], minlength=7) / 40_000
    expected = distribution(chain(torch.tensor([START]), ())[0]).diff(prepend=torch.zeros(1, 1).double())[0]
    assert torch.allclose(frequency.double(), expected, atol=4 * math.sqrt(0.25 / 40_000))


def test_the_posterior_costs_exactly_the_negative_log_probability():
    """KL(truncated normal || normal) = -log(mass of the interval), by numerical integration."""
    cumulative = distribution(torch.randn(1, 5, generator=torch.Generator().manual_seed(3)))[0]
    u = torch.linspace(-9, 9, 400_001, dtype=torch.float64)
    density = torch.exp(-(u**2) / 2) / math.sqrt(2 * math.pi)
    owner = torch.searchsorted(cumulative, torch.special.ndtr(u), right=True)
    masses = cumulative.diff(prepend=torch.zeros(1).double())
    for token, mass in enumerate(masses):
        inside = (owner == token).double() * density / mass
        kl = torch.trapezoid(inside * torch.log((inside / density).clamp_min(1e-300)), u)
        assert float(kl) == pytest.approx(-math.log(mass), abs=2e-3)


def test_rows_that_have_ended_cost_no_work_and_keep_their_state(chain):
    """The state is that of the rows still going: each must see its own number beside its own tokens."""
    seen = []

    def step(previous, state):
        (number,) = state
        seen.append(len(number))
        return chain(previous, state)[0] + 30.0 * torch.nn.functional.one_hot(2 + number % 3, 7)[:, None], (number,)

    def ending(previous, state):
        logits, state = step(previous, state)
        logits[state[0] < len(seen), :, END] += 1e4  # row i ends at position i
        return logits, state

    least = autoregressive.LEAST_ROWS
    rows = least + 4
    tokens, mask = decode(torch.zeros(rows, rows + 2), START, END, ending, (torch.arange(rows),))
    assert seen == [*range(rows, least, -1), *[least] * least]  # fewer would round otherwise
    assert torch.equal(mask.sum(1), torch.arange(1, rows + 1))
    for row in range(rows):
        assert (tokens[row, :row] == 2 + row % 3).all()


def test_shifted_noise_is_normal_and_spread():
    noise = torch.randn(4000, 3, generator=torch.Generator().manual_seed(4))
    tries = torch.stack([shift(noise, number) for number in range(8)])
    assert torch.equal(tries[0], noise)
    assert torch.allclose(tries.mean(1), torch.zeros(8, 3), atol=0.08)
    assert torch.allclose(tries.std(1), torch.ones(8, 3), atol=0.06)
    uniform = torch.special.ndtr(tries[:, :, 0]).sort(0).values
    assert (uniform.diff(dim=0) > 0.05).all()  # eight points on a circle, no two near


def test_rows_without_an_end_are_marked():
    never = torch.zeros(4, 4)
    never[:, END] = -1e4
    tokens, mask = decode(torch.zeros(3, 5), START, END, markov(never), ())
    assert mask.all()
    assert (tokens[:, -1] != END).all()


def test_log_prob_counts_only_real_positions():
    logits = torch.zeros(2, 3, 4)
    mask = torch.tensor([[True, True, True], [True, False, False]])
    log_prob = AutoregressiveCategorical(logits, mask).log_prob(torch.zeros(2, 3, dtype=torch.long))
    assert torch.allclose(log_prob, -math.log(4) * torch.tensor([3.0, 1.0]))


def test_the_distribution_ends_at_one_and_its_steps_keep_the_floor():
    cumulative = distribution(torch.tensor([[0.0, -200.0, 5.0]]))
    assert float(cumulative[0, -1]) == 1.0
    assert cumulative.diff().min() >= 0.9 * autoregressive.FLOOR / 3


# Greedy decoding, beam search, and the first sequence that is accepted.


END, START = 0, 1


def test_the_most_likely_tokens_end_each_row_separately():
    """A step that counts down: the state of a row is the number of tokens before its end."""

    def step(previous, state):
        logits = torch.zeros(len(previous), 1, 4)
        logits[:, 0, 3] = 1.0
        logits[state[0] == 0, 0, END] = 2.0
        return logits, (state[0] - 1,)

    tokens, mask = most_likely(START, END, step, (torch.tensor([1, 3, 9]),), 5)
    assert tokens.tolist() == [[3, END, 0, 0, 0], [3, 3, 3, END, 0], [3, 3, 3, 3, 3]]
    assert mask.sum(1).tolist() == [2, 4, 5]


def test_beam_search_finds_the_likeliest_sequences():
    """All sequences of at most three tokens of a random model, by a beam as wide as their number."""
    logits = torch.randn(4, 3, generator=torch.Generator().manual_seed(0)).double()

    def step(previous, state):
        return logits[previous[:, 0] + state[0].long()][:, None], (1 - state[0],)

    def log_prob(sequence):
        total, previous, odd = 0.0, 1, 0
        for token in sequence:
            total += float(torch.log_softmax(logits[previous + odd], -1)[token])
            previous, odd = token, 1 - odd
        return total

    ended = [[*head, 0] for size in range(3) for head in product((1, 2), repeat=size)]
    every = ended + [list(head) for head in product((1, 2), repeat=3)]
    expected = sorted(every, key=log_prob, reverse=True)
    tokens, mask, score = beam_search(1, 0, step, (torch.zeros(2),), 3, len(every))
    for row in range(2):
        assert [t[m].tolist() for t, m in zip(tokens[row], mask[row], strict=True)] == expected
        assert torch.allclose(score[row], torch.tensor(list(map(log_prob, expected))).double())


def test_a_narrow_beam_begins_with_the_greedy_sequence_of_a_certain_model():
    logits = 9.0 * torch.eye(4)[[2, 2, 3, 0]]  # 2, 3, end
    tokens, mask, _ = beam_search(
        1, 0, lambda previous, state: (logits[previous[:, 0]][:, None], state), (torch.zeros(1),), 6, 2
    )
    assert tokens[0, 0][mask[0, 0]].tolist() == [2, 3, 0]
    assert len({tuple(row.tolist()) for row in tokens[0]}) == 2


def test_the_first_accepted_sequence_is_taken_and_the_first_of_all_where_none_is():
    tokens = torch.tensor([[[2, END, 0], [2, 2, END]], [[2, 2, END], [3, END, 0]], [[3, END, 0], [2, END, 0]]])
    ranked, shown = Batch({"tokens": tokens}, torch.tensor([1, 1, 0]).bool() | (tokens > 0)), []

    def short(batch):
        shown.append(len(batch))
        return (batch["tokens"][:, 0] == 2) & (batch["tokens"][:, 1] == END)

    found, good = first_accepted(ranked, short)
    assert found["tokens"].tolist() == [[2, END, 0], [2, 2, END], [2, END, 0]]
    assert good.tolist() == [True, False, True]
    assert shown == [3, 2]
    found, good = first_accepted(ranked, None)
    assert torch.equal(found["tokens"], tokens[:, 0])
    assert good.all()


def test_only_positions_that_no_row_has_are_trimmed():
    tokens, mask = torch.tensor([[3, 0, 0, 0], [4, 5, 0, 0]]), torch.tensor([[1, 1, 0, 0], [1, 1, 1, 0]]).bool()
    found = trimmed(Batch({"tokens": tokens}, mask, torch.ones(2, 1)))
    assert found["tokens"].tolist() == [[3, 0, 0], [4, 5, 0]]
    assert found.mask.tolist() == mask[:, :3].tolist()
    assert found.condition.tolist() == [[1], [1]]
    assert len(trimmed(Batch({"tokens": tokens[:0]}, mask[:0]))) == 0
