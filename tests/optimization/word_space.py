"""A campaign over words of four letters, whose best is known."""

import itertools

import numpy as np

from sciencegen.optimization.candidates import CampaignSpace, CandidatePool, CandidateSources
from sciencegen.optimization.feature_rows import SiteRows
from sciencegen.optimization.measurements import Measurement

KINDS, SITES = 6, 4
LETTERS = np.linspace(-1, 1, KINDS)[:, None] * 1.5
EVERYTHING = list(itertools.product(range(KINDS), repeat=SITES))  # 1,296 words
BEST = (5, 0, 4, 2)


def fitness(word):
    """Main effects and an interaction of two sites, its only greatest value at BEST; skewed as measurements are."""
    wrong = sum(abs(a - b) for a, b in zip(word, BEST, strict=True)) + 0.7 * abs(word[0] - BEST[0]) * abs(word[2] - 4)
    return float(np.exp(-0.5 * wrong))


def features(words):
    return SiteRows(np.array(words, np.uint8).reshape(-1, SITES), LETTERS)


def mutate(parents, generator):
    children = []
    for parent in parents:
        child = list(parent)
        child[generator.integers(SITES)] = int(generator.integers(KINDS))
        children.append(tuple(child))
    return children


SPACE = CampaignSpace(repr, features, lambda some, others: np.zeros((len(some), len(others))))
BRED = CampaignSpace(repr, features, SPACE.similarity, moves={"mutation": mutate})
POOL = CandidatePool(EVERYTHING, [repr(word) for word in EVERYTHING], np.ones(len(EVERYTHING)))
FROM_POOL = CandidateSources(POOL)


def known(words):
    return [Measurement(repr(word), word, fitness(word), np.nan, 1, 1) for word in words]


def first(count=24, seed=0):
    return [EVERYTHING[place] for place in np.random.default_rng(seed).choice(len(EVERYTHING), count, replace=False)]
