"""Spikes of neurons whose rates follow Lorenz's equations, for tests and benchmarks."""

from __future__ import annotations

import numpy as np

SIGMA, RHO, BETA = 10.0, 28.0, 8 / 3
STEP = 0.006
STEPS_OF_A_BIN = 4
RATE = 0.2
"""Expected spikes of a neuron in a bin, where all states are 0: 10 Hz in bins of 20 ms."""


def trajectories(trials: int, times: int, generator: np.random.Generator) -> np.ndarray:
    """Standardized states [trial time coordinate], by the midpoint rule; starts are on the attractor."""
    state = generator.standard_normal((trials, 3)) + np.array([0.0, 0.0, 25.0])
    found = []
    for step in range(500 + times * STEPS_OF_A_BIN):
        state = state + STEP * _slope(state + 0.5 * STEP * _slope(state))
        if step >= 500 and (step - 500) % STEPS_OF_A_BIN == 0:
            found.append(state)
    states = np.stack(found, 1)
    return (states - states.mean((0, 1))) / states.std((0, 1))


def _slope(state: np.ndarray) -> np.ndarray:
    x, y, z = state.T
    return np.stack([SIGMA * (y - x), x * (RHO - z) - y, x * y - BETA * z], 1)


def spikes(trials: int, times: int = 40, units: int = 30, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Counts and their rates, [trial time unit]: log rates are linear in the states."""
    generator = np.random.default_rng(seed)
    weights = generator.uniform(0.4, 1.0, (3, units)) * generator.choice([-1, 1], (3, units)) * 0.5
    rates = RATE * np.exp(trajectories(trials, times, generator) @ weights)
    return generator.poisson(rates), rates
