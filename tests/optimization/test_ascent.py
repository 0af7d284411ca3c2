"""Gradient ascent."""

from tests.optimization.running import run


def test_ascent_follows_a_given_predictor(toy_space, objective):
    exact = lambda latent: -(latent - 1).square().sum(1)  # noqa: E731
    trace = run(toy_space(), objective("maximize sphere", budget=150), "ascent", predictor=exact)
    assert max(e.scalar for e in trace) > -0.3
