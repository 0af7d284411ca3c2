"""Sequences for backbones and their perplexity, by ProteinMPNN's published weights (Dauparas et al. 2022)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple, cast

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import gelu, log_softmax

from sciencegen.domains.proteins.backbones.geometry import BETA, Coordinates
from sciencegen.domains.proteins.backbones.motifs import FREE
from sciencegen.domains.proteins.backbones.published_weights import weights_file
from sciencegen.errors import DataError

# Where CB is in an ideal residue, from N, CA and C alone.


def beta_carbons(n: Float[Tensor, "*residue 3"], c: Float[Tensor, "*residue 3"]) -> Float[Tensor, "*residue 3"]:
    """CB relative to CA, from N and C relative to CA, as `geometry.place_betas`.

    Examples
    --------
    >>> n, c = torch.tensor([-0.53, 1.36, 0.0]), torch.tensor([1.53, 0.0, 0.0])
    >>> round(float(beta_carbons(n, c).norm()), 2)
    1.53
    """
    return BETA[0] * torch.linalg.cross(-n, c) + BETA[1] * n + BETA[2] * c


# The network of ProteinMPNN: residues as nodes of a graph, a sequence decoded in any order (Dauparas et al. 2022).
#
# Names of parameters are those of the published weights (github.com/dauparas/ProteinMPNN, MIT licence).

LETTERS = "ACDEFGHIKLMNPQRSTVWYX"
HIDDEN = 128
LAYERS = 3
MESSAGE_SCALE = 30.0
"""Divisor of sums over neighbours."""
FURTHEST_OFFSET = 32
"""Larger distances along the chain count as this."""
RADIAL_FUNCTIONS = 16
ATOM_PAIRS = (
    "CA-CA", "N-N", "C-C", "O-O", "CB-CB", "CA-N", "CA-C", "CA-O", "CA-CB", "N-C", "N-O", "N-CB", "CB-C", "CB-O", "O-C",
    "N-CA", "C-CA", "O-CA", "CB-CA", "C-N", "O-N", "CB-N", "C-CB", "O-CB", "C-O",
)  # fmt: skip
"""The first atom is of the residue, the second of its neighbour, in the order of the weights."""
_ATOMS = ("N", "CA", "C", "O", "CB")


class Graph(NamedTuple):
    """An encoded backbone. neighbours: the nearest residues of each, by CA, itself first."""

    nodes: Float[Tensor, "residue hidden"]
    edges: Float[Tensor, "residue neighbour hidden"]
    neighbours: Int[Tensor, "residue neighbour"]


class InverseFolding(nn.Module):
    """Probabilities of amino acids on a backbone of one chain, each given those decoded before it."""

    def __init__(self, neighbours: int = 48) -> None:
        super().__init__()
        self.features = _Features(neighbours)
        self.W_e = nn.Linear(HIDDEN, HIDDEN)
        self.W_s = nn.Embedding(len(LETTERS), HIDDEN)
        self.encoder_layers = nn.ModuleList(_EncoderLayer() for _ in range(LAYERS))
        self.decoder_layers = nn.ModuleList(_Layer(4) for _ in range(LAYERS))
        self.W_out = nn.Linear(HIDDEN, len(LETTERS))

    def encode(self, coordinates: Float[Tensor, "residue 4 3"]) -> Graph:
        neighbours, edges = self.features(coordinates)
        nodes, edges = edges.new_zeros(len(coordinates), HIDDEN), self.W_e(edges)
        for layer in self.encoder_layers:
            nodes, edges = layer(nodes, edges, neighbours)
        return Graph(nodes, edges, neighbours)

    def decode(
        self,
        graph: Graph,
        order: Int[Tensor, "sequence residue"],
        given: Int[Tensor, "sequence residue"],
        temperature: float,
        generator: torch.Generator,
    ) -> tuple[Int[Tensor, "sequence residue"], Float[Tensor, "sequence residue letter"]]:
        """Letters and log probabilities of all letters at temperature 1, decoded in `order`; `given` is -1 where one is
        drawn.

        The first linear map of a layer acts on a residue, an edge, and the letter and state of a neighbour:

            W1 (h_i, e_ij, s_j, h_j) = A h_i + B e_ij + C s_j + D h_j + b

        with s_j = 0 and the encoder's h_j for neighbours that aren't decoded yet. So C s_j + D h_j is stored for each
        residue and changed when it is decoded, and W3 is applied after the sum over neighbours.
        """
        rows, last = torch.arange(len(order)), graph.nodes
        layers = cast(Sequence[_Layer], self.decoder_layers)
        of_edges, of_neighbours = [], []
        for layer in layers:
            of_edges.append(layer.part(1, graph.edges) + layer.W1.bias)
            of_neighbours.append(layer.part(3, last).repeat(len(order), 1, 1))
        letters, chances = given.clone(), torch.zeros(*order.shape, len(LETTERS), dtype=last.dtype)
        for place in order.T:
            near, state, states = graph.neighbours[place], last[place], []
            for layer, edges, others in zip(layers, of_edges, of_neighbours, strict=True):
                states.append(state)
                hidden = layer.part(0, state)[:, None] + edges[place] + others[rows[:, None], near]
                state = layer.update(state, hidden)
            logits = self.W_out(state)
            letter = torch.where(given[rows, place] < 0, _drawn(logits, temperature, generator), given[rows, place])
            letters[rows, place] = letter
            chances[rows, place] = log_softmax(logits, -1)
            for layer, others, before in zip(layers, of_neighbours, states, strict=True):
                others[rows, place] = layer.part(2, self.W_s(letter)) + layer.part(3, before)
        return letters, chances


def _drawn(logits: Tensor, temperature: float, generator: torch.Generator) -> Tensor:
    """A letter of the 20 amino acids for each row."""
    chances = torch.softmax(logits[:, :-1] / temperature, -1)
    return torch.multinomial(chances, 1, generator=generator)[:, 0]


class _Layer(nn.Module):
    """A decoder's layer: messages from neighbours, then a feed-forward network, both added and normalized."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(HIDDEN), nn.LayerNorm(HIDDEN)
        self.W1 = nn.Linear(inputs * HIDDEN, HIDDEN)
        self.W2, self.W3 = nn.Linear(HIDDEN, HIDDEN), nn.Linear(HIDDEN, HIDDEN)
        self.dense = _FeedForward()

    def part(self, index: int, values: Tensor) -> Tensor:
        """The part of W1 that acts on the input of this index, without the bias."""
        return values @ self.W1.weight[:, index * HIDDEN : (index + 1) * HIDDEN].T

    def update(self, nodes: Float[Tensor, "node hidden"], hidden: Float[Tensor, "node neighbour hidden"]) -> Tensor:
        """Nodes after the messages whose first linear map gave `hidden`."""
        summed = gelu(self.W2(gelu(hidden))).sum(-2)
        message = summed @ self.W3.weight.T + hidden.shape[-2] * self.W3.bias
        nodes = self.norm1(nodes + message / MESSAGE_SCALE)
        return self.norm2(nodes + self.dense(nodes))


class _EncoderLayer(_Layer):
    """A layer that changes edges too."""

    def __init__(self) -> None:
        super().__init__(3)
        self.norm3 = nn.LayerNorm(HIDDEN)
        self.W11 = nn.Linear(3 * HIDDEN, HIDDEN)
        self.W12, self.W13 = nn.Linear(HIDDEN, HIDDEN), nn.Linear(HIDDEN, HIDDEN)

    def forward(self, nodes: Tensor, edges: Tensor, neighbours: Tensor) -> tuple[Tensor, Tensor]:
        nodes = self.update(nodes, self.W1(_pairs(nodes, edges, neighbours)))
        change = self.W13(gelu(self.W12(gelu(self.W11(_pairs(nodes, edges, neighbours))))))
        return nodes, self.norm3(edges + change)


def _pairs(nodes: Tensor, edges: Tensor, neighbours: Tensor) -> Float[Tensor, "residue neighbour features"]:
    return torch.cat([nodes[:, None].expand(edges.shape), edges, nodes[neighbours]], -1)


class _FeedForward(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.W_in, self.W_out = nn.Linear(HIDDEN, 4 * HIDDEN), nn.Linear(4 * HIDDEN, HIDDEN)

    def forward(self, values: Tensor) -> Tensor:
        return self.W_out(gelu(self.W_in(values)))


class _Features(nn.Module):
    """Edges: distances of five atoms in radial functions, and the offset along the chain."""

    def __init__(self, neighbours: int) -> None:
        super().__init__()
        self.neighbours = neighbours
        self.embeddings = _Offsets()
        self.edge_embedding = nn.Linear(RADIAL_FUNCTIONS * (1 + len(ATOM_PAIRS)), HIDDEN, bias=False)
        self.norm_edges = nn.LayerNorm(HIDDEN)

    def forward(self, coordinates: Float[Tensor, "residue 4 3"]) -> tuple[Tensor, Tensor]:
        n, ca, c, _ = coordinates.unbind(1)
        beta = beta_carbons(n - ca, c - ca) + ca  # of ideal residues
        atoms = torch.cat([coordinates, beta[:, None]], 1)
        size = len(atoms)
        between = torch.sqrt(torch.square(ca[:, None] - ca).sum(-1) + 1e-6)
        near = torch.topk(between, min(self.neighbours, size), largest=False).indices
        embedded = self.embeddings(torch.arange(size)[:, None] - near)
        distances = torch.sqrt(torch.square(atoms[:, None, :, None] - atoms[near][:, :, None]).sum(-1) + 1e-6)
        chosen = torch.tensor([[_ATOMS.index(atom) for atom in pair.split("-")] for pair in ATOM_PAIRS]).T
        radial = _radial(distances[:, :, chosen[0], chosen[1]]).flatten(2)
        return near, self.norm_edges(self.edge_embedding(torch.cat([embedded, radial], -1)))


class _Offsets(nn.Module):
    """Embedding of offsets along the chain; the last of the weights is of another chain."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2 * FURTHEST_OFFSET + 2, RADIAL_FUNCTIONS)

    def forward(self, offset: Int[Tensor, "residue neighbour"]) -> Tensor:
        index = offset.clamp(-FURTHEST_OFFSET, FURTHEST_OFFSET) + FURTHEST_OFFSET
        return self.linear.weight.T[index] + self.linear.bias


def _radial(distances: Tensor) -> Tensor:
    """exp(−((d − μ) / σ)²) with μ from 2 to 22 Å, and σ of a sixteenth of that."""
    centres = torch.linspace(2.0, 22.0, RADIAL_FUNCTIONS)
    return torch.exp(-torch.square((distances[..., None] - centres) / (20.0 / RADIAL_FUNCTIONS)))


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
    stored = torch.load(weights_file(), map_location="cpu", weights_only=True)
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
