"""Clouds of points with two properties that are known, and an ensemble that learns them in a few seconds."""

from types import SimpleNamespace

import numpy as np
import torch

from sciencegen.networks.harmonics import HarmonicSettings, PropertyNetwork
from sciencegen.prediction.columns import fit_baseline
from sciencegen.prediction.points import PointPredictor, calibrate, opinions, point_batch, type_counts

SETTINGS = HarmonicSettings(scalars=16, vectors=8, tensors=4, layers=2, radial=8, reach=6.0)
TYPES = np.array([1, 6, 8])


def clouds(count, seed, smallest=3, largest=7):
    generator = np.random.default_rng(seed)
    sizes = generator.integers(smallest, largest + 1, count)
    return [
        SimpleNamespace(numbers=generator.choice(TYPES, size), positions=generator.normal(size=(size, 3)))
        for size in sizes
    ]


def sum_of_distances(one):
    differences = one.positions[:, None] - one.positions[None]
    return np.linalg.norm(differences, axis=-1).sum() / 2


def moment(one):
    """The length of sum_i q_i x_i with the types' numbers as charges, less their mean."""
    charges = (one.numbers - one.numbers.mean()) / 8
    return np.linalg.norm(charges @ one.positions)


TARGETS = {"distances": (sum_of_distances, "sum"), "moment": (moment, "dipole")}


def train(items, answers, readouts, seed):
    torch.manual_seed(seed)
    network, generator = PropertyNetwork(len(TYPES), readouts, SETTINGS), np.random.default_rng(seed)
    optimizer = torch.optim.Adam(network.parameters(), 1e-2, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 170)
    for step in range(170):
        rows = generator.choice(len(items), 64, replace=False)
        loss = network.loss(point_batch([items[r] for r in rows], TYPES, answers[rows]), step, torch.Generator())
        optimizer.zero_grad()
        loss["loss"].backward()
        optimizer.step()
        schedule.step()
    return network.eval()


def values_of(items):
    return np.array([[of(one) for of, _ in TARGETS.values()] for one in items])


def held_out():
    """Items that the ensemble hasn't seen, and their values."""
    items = clouds(400, 1)
    return items, values_of(items)


def trained_ensemble():
    """An ensemble that has learned both targets for a few seconds, calibrated on the first 200 held-out items."""
    items, (held, measured) = clouds(1200, 0), held_out()
    values = values_of(items)
    counts = type_counts(items, TYPES)
    baseline = fit_baseline(counts, values, [readout for _, readout in TARGETS.values()])
    networks = [train(items, baseline.standardized(counts, values), baseline.readouts, seed) for seed in range(2)]
    mean, spread = opinions(networks, baseline, TYPES, held[:200])
    conformal = calibrate(measured[:200], mean, spread, 0.9)
    return PointPredictor(tuple(TARGETS), TYPES, 3, 7, baseline, SETTINGS, tuple(networks), conformal, 0.9)
