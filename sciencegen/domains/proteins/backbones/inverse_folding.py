"""Sequences for backbones and their perplexity, by ProteinMPNN's published weights (Dauparas et al. 2022)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from jaxtyping import Float, Int

from sciencegen.domains.proteins.backbones.geometry import Coordinates
from sciencegen.domains.proteins.backbones.inverse_folding_network import LETTERS, InverseFolding
from sciencegen.domains.proteins.backbones.kept_residues import FREE
from sciencegen.domains.proteins.backbones.published_weights import check_weights
from sciencegen.errors import DataError

TEMPERATURE = 0.1
SEQUENCES = 8
"""Number of sequences whose perplexities are averaged."""
ORDERS = 4
"""Number of random orders over which log probabilities of letters are averaged."""
LAST_TOGETHER = 16
"""Residues that come last in one order. With one, each would see all others, at 16 times the cost."""


@dataclass(frozen=True)
class Designed:
    """sequences: of one backbone. perplexity: of each sequence, exp of minus the mean log probability of its letters;
    1 if the backbone leaves no choice, about 18 if it says nothing but the composition of proteins."""

    sequences: tuple[str, ...]
    perplexity: Float[np.ndarray, " sequence"]


@cache
def load_inverse_folding() -> InverseFolding:
    """The network with its published weights, in float32, on the CPU. Nothing but tensors is read from the file."""
    stored = torch.load(check_weights(), map_location="cpu", weights_only=True)
    network = InverseFolding(int(stored["num_edges"]))
    network.load_state_dict(stored["model_state_dict"])
    return network.eval().requires_grad_(False)


def design_sequences(
    coordinates: Coordinates,
    count: int = SEQUENCES,
    seed: int = 0,
    temperature: float = TEMPERATURE,
    fixed: str | None = None,
    network: InverseFolding | None = None,
) -> Designed:
    """Draw sequences for a backbone, and their perplexity.

    Parameters
    ----------
    coordinates : array [residue, 4, 3]
        N, CA, C and O of one chain, in ångström.
    count : int
        Number of sequences.
    seed : int
        Of the letters and of the order in which they are drawn.
    temperature : float
        Of the draws. Probabilities in the perplexity are always those of temperature 1.
    fixed : str, optional
        Letters that are given, and "-" for residues to be designed. Given ones come first in the order.
    network : InverseFolding, optional
        Another one than the published.

    Returns
    -------
    Designed
        Perplexities are of the residues that are designed.
    """
    wanted = FREE * len(coordinates) if fixed is None else fixed
    if FREE not in wanted:
        raise DataError("Expected residues to design, found none: all letters are given.")
    return _decoded(coordinates, [wanted] * count, seed, temperature, network, wanted)


def sequence_perplexity(
    coordinates: Coordinates,
    sequence: str,
    orders: int = SEQUENCES,
    seed: int = 0,
    network: InverseFolding | None = None,
    given: str | None = None,
) -> float:
    """Perplexity of a sequence on a backbone, the mean over random orders of its residues; "X" is an unknown one.

    given: letters that come first in the order and don't count, and "-" for the others, if there are any.
    """
    counted = FREE * len(coordinates) if given is None or FREE not in given else given
    return float(_decoded(coordinates, [sequence] * orders, seed, 1.0, network, counted).perplexity.mean())


def letter_log_probabilities(
    coordinates: Coordinates, sequence: str, orders: int = ORDERS, seed: int = 0, network: InverseFolding | None = None
) -> Float[np.ndarray, "residue letter"]:
    """For each residue log p(letter | backbone, letters of the others), in the order of `LETTERS`.

    Letters are decoded in random orders in which this residue is among the last `LAST_TOGETHER`, which are spread over
    the chain; the mean over this number of orders. sequence: "X" is an unknown letter.
    """
    known, residues = network or load_inverse_folding(), len(coordinates)
    generator, found = np.random.default_rng(seed), np.zeros((orders, residues, len(LETTERS)))
    group = np.arange(residues) % math.ceil(residues / LAST_TOGETHER)
    given = torch.as_tensor(_indices(sequence, residues))
    with torch.inference_mode():
        graph = known.encode(torch.as_tensor(np.asarray(coordinates), dtype=torch.float32))
        for chances in found:
            is_last = group == np.arange(group.max() + 1)[:, None]
            order = torch.as_tensor(np.argsort(generator.random(is_last.shape) + is_last, 1))
            decoded = known.decode(graph, order, given.expand(order.shape), 1.0, torch.Generator())[1]
            chances[:] = decoded[torch.as_tensor(group), torch.arange(residues)].numpy()
    return found.mean(0)


def _decoded(
    coordinates: Coordinates, wanted: list[str], seed: int, temperature: float, network: InverseFolding | None,
    counted: str,
) -> Designed:  # fmt: skip
    """counted: letters, and "-" for residues that come last in the order, whose probabilities count."""
    known = network or load_inverse_folding()
    given = np.array([_indices(letters, len(coordinates)) for letters in wanted])
    designed = np.broadcast_to(_indices(counted, len(coordinates)) < 0, given.shape)
    order = np.argsort(np.random.default_rng(seed).random(given.shape) + designed, 1)
    with torch.inference_mode():
        graph = known.encode(torch.as_tensor(np.asarray(coordinates), dtype=torch.float32))
        generator = torch.Generator().manual_seed(seed)
        letters, chances = known.decode(graph, torch.as_tensor(order), torch.as_tensor(given), temperature, generator)
        chosen = chances.gather(-1, letters[..., None])[..., 0].numpy().astype(np.float64)
    mean = np.where(designed, chosen, 0).sum(1) / designed.sum(1)
    return Designed(tuple("".join(LETTERS[index] for index in row) for row in letters.tolist()), np.exp(-mean))


def _indices(letters: str, residues: int) -> Int[np.ndarray, " residue"]:
    if len(letters) != residues or set(letters) - {*LETTERS, FREE}:
        raise DataError(
            f"Expected {residues} letters of {LETTERS} or '{FREE}', one for each residue, got {letters[:40]!r} "
            f"of {len(letters)}."
        )
    return np.array([LETTERS.find(letter) for letter in letters])
