"""Sampling as a map from noise: it inverts, it has the right distribution, and its bound loses nothing."""

import math

import pytest
import torch

from sciencegen.vae import autoregressive
from sciencegen.vae.autoregressive import AutoregressiveCategorical, decode, distribution, encode, shift

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
