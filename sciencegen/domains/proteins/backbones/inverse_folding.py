"""Sequences for backbones and their perplexity, by the published weights of ProteinMPNN (Dauparas et al. 2022) and of
its family: LigandMPNN, SolubleMPNN and MembraneMPNN (Dauparas et al. 2025)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple, cast

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.functional import gelu, log_softmax, normalize, one_hot

from sciencegen.domains.proteins.backbones.geometry import BETA, Coordinates
from sciencegen.domains.proteins.backbones.motifs import FREE
from sciencegen.domains.proteins.backbones.published_weights import VANILLA, weights_file
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


def with_betas(coordinates: Coordinates) -> Float[Tensor, "residue 5 3"]:
    """N, CA, C, O, and CB of ideal residues."""
    atoms = torch.as_tensor(np.asarray(coordinates), dtype=torch.float32)
    n, ca, c, _ = atoms.unbind(1)
    return torch.cat([atoms, (beta_carbons(n - ca, c - ca) + ca)[:, None]], 1)


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
LEAST_RADIUS, RADIAL_RANGE = 2.0, 20.0
ATOM_PAIRS = (
    "CA-CA", "N-N", "C-C", "O-O", "CB-CB", "CA-N", "CA-C", "CA-O", "CA-CB", "N-C", "N-O", "N-CB", "CB-C", "CB-O", "O-C",
    "N-CA", "C-CA", "O-CA", "CB-CA", "C-N", "O-N", "CB-N", "C-CB", "O-CB", "C-O",
)  # fmt: skip
"""The first atom is of the residue, the second of its neighbour, in the order of the weights."""
_ATOMS = ("N", "CA", "C", "O", "CB")
MEMBRANE_CLASSES, TRANSMEMBRANE = 3, 1
"""Of MembraneMPNN: number of classes of residues, and the class of all residues of a membrane protein."""


@dataclass(frozen=True, eq=False)
class Scene:
    """What the network sees together.

    Parameters
    ----------
    coordinates : array [residue, 4, 3]
        N, CA, C and O in ångström, those of the chain to be designed first.
    chains : int array [residue]
        The number of each residue's chain.
    places : int array [residue]
        Along the chain.
    groups : int array [group, member]
        Residues that have one letter, -1 where a group has fewer; group i begins with residue i of the chain to be
        designed.
    letters : str
        Of the groups that are not designed, which come last; "X" is an unknown one.
    atoms : array [atom, 3]
        Heavy atoms of ligands, ions and nucleic acids, which LigandMPNN sees.
    elements : int array [atom]
        Their atomic numbers.
    """

    coordinates: Float[np.ndarray, "residue 4 3"]
    chains: Int[np.ndarray, " residue"]
    places: Int[np.ndarray, " residue"]
    groups: Int[np.ndarray, "group member"]
    letters: str = ""
    atoms: Float[np.ndarray, "atom 3"] = field(default_factory=lambda: np.empty((0, 3)))
    elements: Int[np.ndarray, " atom"] = field(default_factory=lambda: np.empty(0, int))

    @property
    def designed(self) -> int:
        """Number of residues of the chain to be designed."""
        return len(self.groups) - len(self.letters)


def alone(coordinates: Coordinates) -> Scene:
    """One chain by itself."""
    rows = np.arange(len(coordinates))
    return Scene(coordinates, np.zeros_like(rows), rows, rows[:, None])


class Graph(NamedTuple):
    """An encoded backbone. neighbours: the nearest residues of each, by CA, itself first."""

    nodes: Float[Tensor, "residue hidden"]
    edges: Float[Tensor, "residue neighbour hidden"]
    neighbours: Int[Tensor, "residue neighbour"]
    members: Int[Tensor, "group member"]


class SeesLigand(nn.Module):
    """A network whose residues hear from a ligand's atoms."""

    def add_context(self) -> None:
        """Add what hears; the first linear map of what is seen is the network's own."""
        self.W_c, self.W_nodes_y, self.W_edges_y = (nn.Linear(HIDDEN, HIDDEN) for _ in range(3))
        self.V_C, self.V_C_norm = nn.Linear(HIDDEN, HIDDEN, bias=False), nn.LayerNorm(HIDDEN)
        self.context_encoder_layers = nn.ModuleList(Layer(3) for _ in range(CONTEXT_LAYERS))
        self.y_context_encoder_layers = nn.ModuleList(Layer(2) for _ in range(CONTEXT_LAYERS))

    def with_ligand(
        self,
        nodes: Float[Tensor, "residue hidden"],
        seen: Float[Tensor, "residue atom hidden"],
        kinds: Float[Tensor, "residue atom hidden"],
        pairs: Float[Tensor, "residue atom atom hidden"],
    ) -> Float[Tensor, "residue hidden"]:
        """Nodes after messages from a ligand's atoms, each of which has heard from the others near the residue.

            y_a <- y_a + sum_b m(y_a, d_ab),   v_i <- v_i + sum_a m(v_i, f_ia, y_a),   h_i <- h_i + norm(V_C v_i)

        Each sum is followed by the layer's feed-forward network and normalizations.
        """
        changed, kinds, pairs = self.W_c(nodes), self.W_nodes_y(kinds), self.W_edges_y(pairs)
        for of_atoms, of_residues in zip(self.y_context_encoder_layers, self.context_encoder_layers, strict=True):
            one, other = cast(Layer, of_atoms), cast(Layer, of_residues)
            kinds = one.update(kinds, one.W1(torch.cat([kinds[:, :, None].expand(pairs.shape), pairs], -1)))
            states = changed[:, None].expand(kinds.shape)
            changed = other.update(changed, other.W1(torch.cat([states, seen, kinds], -1)))
        return nodes + self.V_C_norm(self.V_C(changed))


class InverseFolding(SeesLigand):
    """Probabilities of amino acids on a backbone, each given those decoded before it.

    membrane: whether residues have a class. atoms: how many atoms of a ligand each residue sees, the nearest ones.
    """

    def __init__(self, neighbours: int = 48, membrane: bool = False, atoms: int = 0) -> None:
        super().__init__()
        self.membrane, self.atoms = membrane, atoms
        self.features = _Features(neighbours, membrane, atoms > 0)
        if membrane or atoms:
            self.W_v = nn.Linear(HIDDEN, HIDDEN)
        if atoms:
            self.add_context()
        self.W_e = nn.Linear(HIDDEN, HIDDEN)
        self.W_s = nn.Embedding(len(LETTERS), HIDDEN)
        self.encoder_layers = nn.ModuleList(EncoderLayer() for _ in range(LAYERS))
        self.decoder_layers = nn.ModuleList(Layer(4) for _ in range(LAYERS))
        self.W_out = nn.Linear(HIDDEN, len(LETTERS))

    def encode(self, scene: Scene) -> Graph:
        atoms = with_betas(scene.coordinates)
        neighbours, edges = self.features(atoms, scene)
        nodes, edges = edges.new_zeros(len(atoms), HIDDEN), self.W_e(edges)
        if self.membrane:
            nodes = nodes + self.W_v(self.features.norm_nodes(self.features.node_embedding.weight[:, TRANSMEMBRANE]))
        for layer in self.encoder_layers:
            nodes, edges = layer(nodes, edges, neighbours)
        if self.atoms:
            changed = []
            for some, around in zip(nodes.split(RESIDUES_AT_ONCE), atoms.split(RESIDUES_AT_ONCE), strict=True):
                seen, kinds, pairs = self.features.ligand(around, scene, self.atoms)
                changed.append(self.with_ligand(some, self.W_v(seen), kinds, pairs))
            nodes = torch.cat(changed)
        return Graph(nodes, edges, neighbours, torch.as_tensor(scene.groups))

    def decode(
        self,
        graph: Graph,
        order: Int[Tensor, "sequence group"],
        given: Int[Tensor, "sequence group"],
        temperature: float,
        generator: torch.Generator,
        bias: Float[Tensor, " letter"] | None = None,
    ) -> tuple[Int[Tensor, "sequence group"], Float[Tensor, "sequence group letter"]]:
        """Letters and log probabilities of all letters at temperature 1, decoded in `order`; `given` is -1 where one is
        drawn, from softmax((logits + bias) / temperature). A group's logits are the mean over its residues.

        The first linear map of a layer acts on a residue, an edge, and the letter and state of a neighbour:

            W1 (h_i, e_ij, s_j, h_j) = A h_i + B e_ij + C s_j + D h_j + b

        with s_j = 0 and the encoder's h_j for neighbours that aren't decoded yet. So C s_j + D h_j is stored for each
        residue and changed when it is decoded, and W3 is applied after the sum over neighbours.
        """
        rows, last = torch.arange(len(order))[:, None], graph.nodes
        layers = cast(Sequence[Layer], self.decoder_layers)
        of_edges, of_neighbours = [], []
        for layer in layers:
            of_edges.append(layer.part(1, graph.edges) + layer.W1.bias)
            of_neighbours.append(layer.part(3, last).repeat(len(order), 1, 1))
        absent = graph.members < 0
        members, weights = torch.where(absent, graph.members[:, :1], graph.members), (~absent).to(last.dtype)
        weights = (weights / weights.sum(1, keepdim=True))[..., None]
        letters, chances = given.clone(), torch.zeros(*order.shape, len(LETTERS), dtype=last.dtype)
        for group in order.T:
            place = members[group]
            near, state, states = graph.neighbours[place], last[place], []
            for layer, edges, others in zip(layers, of_edges, of_neighbours, strict=True):
                states.append(state)
                hidden = layer.part(0, state)[:, :, None] + edges[place] + others[rows[..., None], near]
                state = layer.update(state, hidden)
            logits = (self.W_out(state) * weights[group]).sum(1)
            known = given[rows[:, 0], group]
            letter = torch.where(known < 0, _drawn(logits, temperature, generator, bias), known)
            letters[rows[:, 0], group] = letter
            chances[rows[:, 0], group] = log_softmax(logits, -1)
            for layer, others, before in zip(layers, of_neighbours, states, strict=True):
                others[rows, place] = layer.part(2, self.W_s(letter))[:, None] + layer.part(3, before)
        return letters, chances


def _drawn(logits: Tensor, temperature: float, generator: torch.Generator, bias: Tensor | None) -> Tensor:
    """A letter of the 20 amino acids for each row."""
    wanted = logits[:, :-1] if bias is None else logits[:, :-1] + bias
    chances = torch.softmax(wanted / temperature, -1)
    return torch.multinomial(chances, 1, generator=generator)[:, 0]


class Layer(nn.Module):
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


class EncoderLayer(Layer):
    """A layer that changes edges too."""

    def __init__(self) -> None:
        super().__init__(3)
        self.norm3 = nn.LayerNorm(HIDDEN)
        self.W11 = nn.Linear(3 * HIDDEN, HIDDEN)
        self.W12, self.W13 = nn.Linear(HIDDEN, HIDDEN), nn.Linear(HIDDEN, HIDDEN)

    def forward(self, nodes: Tensor, edges: Tensor, neighbours: Tensor) -> tuple[Tensor, Tensor]:
        nodes = self.update(nodes, self.W1(joined(nodes, edges, neighbours)))
        change = self.W13(gelu(self.W12(gelu(self.W11(joined(nodes, edges, neighbours))))))
        return nodes, self.norm3(edges + change)


def joined(nodes: Tensor, edges: Tensor, neighbours: Tensor) -> Float[Tensor, "residue neighbour features"]:
    """The state of a residue, an edge, and the state of the neighbour at its end."""
    return torch.cat([nodes[:, None].expand(edges.shape), edges, nodes[neighbours]], -1)


class _FeedForward(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.W_in, self.W_out = nn.Linear(HIDDEN, 4 * HIDDEN), nn.Linear(4 * HIDDEN, HIDDEN)

    def forward(self, values: Tensor) -> Tensor:
        return self.W_out(gelu(self.W_in(values)))


class LigandFeatures(nn.Module):
    """Features of a ligand's atoms: their elements, and where they lie from a residue."""

    least_radius = LEAST_RADIUS

    def add_ligand(self) -> None:
        """Add the maps of these features."""
        self.norm_nodes = nn.LayerNorm(HIDDEN)
        self.type_linear = nn.Linear(KINDS.shape[1], ELEMENT_FEATURES)
        self.node_project_down = nn.Linear(len(_ATOMS) * RADIAL_FUNCTIONS + ELEMENT_FEATURES + 4, HIDDEN)
        self.y_nodes = nn.Linear(KINDS.shape[1], HIDDEN, bias=False)
        self.y_edges = nn.Linear(RADIAL_FUNCTIONS, HIDDEN, bias=False)
        self.norm_y_nodes, self.norm_y_edges = nn.LayerNorm(HIDDEN), nn.LayerNorm(HIDDEN)

    def ligand(
        self, residues: Float[Tensor, "residue 5 3"], scene: Scene, count: int
    ) -> tuple[
        Float[Tensor, "residue atom hidden"],
        Float[Tensor, "residue atom hidden"],
        Float[Tensor, "residue atom atom hidden"],
    ]:
        """Of the `count` atoms that are nearest to each residue's CB: where they lie from it, what they are, and their
        distances from each other."""
        atoms, elements = nearest_atoms(residues, scene, count)
        kinds = KINDS[elements]
        distances = torch.sqrt(torch.square(residues[:, None] - atoms[:, :, None]).sum(-1) + 1e-6)
        where = [radial(distances, self.least_radius).flatten(2), self.type_linear(kinds), directions(residues, atoms)]
        seen = self.norm_nodes(self.node_project_down(torch.cat(where, -1)))
        apart = torch.sqrt(torch.square(atoms[:, :, None] - atoms[:, None]).sum(-1) + 1e-6)
        pairs = self.norm_y_edges(self.y_edges(radial(apart, self.least_radius)))
        return seen, self.norm_y_nodes(self.y_nodes(kinds)), pairs


class _Features(LigandFeatures):
    """Edges: distances of five atoms in radial functions, and the offset along the chain."""

    def __init__(self, neighbours: int, membrane: bool, ligand: bool) -> None:
        super().__init__()
        self.neighbours = neighbours
        self.embeddings = Offsets()
        self.edge_embedding = nn.Linear(RADIAL_FUNCTIONS * (1 + len(ATOM_PAIRS)), HIDDEN, bias=False)
        self.norm_edges = nn.LayerNorm(HIDDEN)
        if membrane:
            self.norm_nodes, self.node_embedding = nn.LayerNorm(HIDDEN), nn.Linear(MEMBRANE_CLASSES, HIDDEN, bias=False)
        if ligand:
            self.add_ligand()

    def forward(self, atoms: Float[Tensor, "residue 5 3"], scene: Scene) -> tuple[Tensor, Tensor]:
        """The neighbours of each residue, and its edges to them."""
        near, offsets, distances = neighbourhoods(atoms, scene, self.neighbours)
        chosen = torch.tensor([[_ATOMS.index(atom) for atom in pair.split("-")] for pair in ATOM_PAIRS]).T
        spread = radial(distances[:, :, chosen[0], chosen[1]]).flatten(2)
        return near, self.norm_edges(self.edge_embedding(torch.cat([self.embeddings(*offsets), spread], -1)))


def neighbourhoods(
    atoms: Float[Tensor, "residue 5 3"], scene: Scene, count: int
) -> tuple[
    Int[Tensor, "residue neighbour"],
    tuple[Int[Tensor, "residue neighbour"], Bool[Tensor, "residue neighbour"]],
    Float[Tensor, "residue neighbour 5 5"],
]:
    """The nearest residues of each, by CA, itself first; offsets along the chain and whether it is the same chain; the
    distances of all five atoms from those of the neighbour."""
    size, ca = len(atoms), atoms[:, 1]
    between = torch.sqrt(torch.square(ca[:, None] - ca).sum(-1) + 1e-6)
    near = torch.topk(between, min(count, size), largest=False).indices
    place, chain = torch.as_tensor(scene.places), torch.as_tensor(scene.chains)
    distances = torch.sqrt(torch.square(atoms[:, None, :, None] - atoms[near][:, :, None]).sum(-1) + 1e-6)
    return near, (place[:, None] - place[near], chain[:, None] == chain[near]), distances


def nearest_atoms(
    residues: Float[Tensor, "residue 5 3"], scene: Scene, count: int
) -> tuple[Float[Tensor, "residue atom 3"], Int[Tensor, "residue atom"]]:
    """Places and elements of the ligand's atoms that are nearest to each residue's CB."""
    atoms = torch.as_tensor(scene.atoms, dtype=torch.float32)
    apart = torch.square(residues[:, 4, None] - atoms).sum(-1)
    near = torch.topk(apart, min(count, len(atoms)), largest=False).indices
    return atoms[near], torch.as_tensor(scene.elements)[near]


def directions(residues: Float[Tensor, "residue 5 3"], atoms: Float[Tensor, "residue atom 3"]) -> Tensor:
    """Cosine and sine of longitude and latitude of atoms in the frame of a residue: x from CA to N, C in the plane of
    x and y."""
    n, ca, c = residues[:, :3].unbind(1)
    x = normalize(n - ca, dim=-1)
    y = normalize((c - ca) - x * ((c - ca) * x).sum(-1, keepdim=True), dim=-1)
    axes = torch.stack([x, y, torch.linalg.cross(x, y)], 1)
    local = torch.einsum("rpx,rax->rap", axes, atoms - ca[:, None])
    level = torch.sqrt(torch.square(local[..., :2]).sum(-1, keepdim=True) + 1e-8)
    length = local.norm(dim=-1, keepdim=True) + 1e-8
    return torch.cat([local[..., :2] / level, level / length, local[..., 2:] / length], -1)


class Offsets(nn.Module):
    """Embedding of offsets along the chain; the last of the weights is of another chain."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2 * FURTHEST_OFFSET + 2, RADIAL_FUNCTIONS)

    def forward(
        self, offset: Int[Tensor, "residue neighbour"], same: Bool[Tensor, "residue neighbour"]
    ) -> Float[Tensor, "residue neighbour features"]:
        index = offset.clamp(-FURTHEST_OFFSET, FURTHEST_OFFSET) + FURTHEST_OFFSET
        index = torch.where(same, index, 2 * FURTHEST_OFFSET + 1)
        return self.linear.weight.T[index] + self.linear.bias


def radial(distances: Tensor, least: float = LEAST_RADIUS) -> Tensor:
    """exp(−((d − μ) / σ)²) with μ over 20 Å from the least one on, and σ of a sixteenth of that."""
    centres = torch.linspace(least, least + RADIAL_RANGE, RADIAL_FUNCTIONS)
    return torch.exp(-torch.square((distances[..., None] - centres) / (RADIAL_RANGE / RADIAL_FUNCTIONS)))


# What LigandMPNN knows of elements: number, group and period, each as one of many.

NOBLE_GASES = (0, 2, 10, 18, 36, 54, 86, 118)
HIGHEST, GROUPS, PERIODS = 118, 18, 7
ELEMENT_FEATURES = 64
CONTEXT_LAYERS = 2
RESIDUES_AT_ONCE = 128
"""Residues whose ligand atoms are looked at together, which bounds memory."""


def element_kinds() -> Float[Tensor, "number feature"]:
    """Row z is element z: z of 120 numbers, its group of 19, its period of 8; 0 is of an unknown element. Lanthanides
    and actinides count as group 3, helium as 18."""
    numbers = torch.arange(HIGHEST + 1)
    period = torch.bucketize(numbers, torch.tensor(NOBLE_GASES))
    after, until = torch.tensor((0, *NOBLE_GASES))[period], torch.tensor((*NOBLE_GASES, 0))[period]
    column, behind = numbers - after, until - numbers
    group = torch.where((column <= 2) & (numbers != 2), column, (GROUPS - behind).clamp(min=3))
    parts = zip((numbers, group, period), (HIGHEST + 2, GROUPS + 1, PERIODS + 1), strict=True)
    return torch.cat([one_hot(part, size) for part, size in parts], 1).float()


KINDS = element_kinds()


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
def load_inverse_folding(weights: str = VANILLA) -> InverseFolding:
    """The network with published weights, in float32, on the CPU. Nothing but tensors is read from the file."""
    stored = torch.load(weights_file(weights), map_location="cpu", weights_only=True)
    values = stored["model_state_dict"]
    membrane, atoms = "features.node_embedding.weight" in values, int(stored.get("atom_context_num", 0))
    network = InverseFolding(int(stored["num_edges"]), membrane, atoms)
    network.load_state_dict(values)
    return network.eval().requires_grad_(False)


def design_sequences(
    seen: Coordinates | Scene,
    count: int = SEQUENCES,
    seed: int = 0,
    temperature: float = TEMPERATURE,
    fixed: str | None = None,
    network: InverseFolding | None = None,
    bias: Mapping[str, float] | None = None,
) -> Designed:
    """Draw sequences for a backbone, and their perplexity.

    Parameters
    ----------
    seen : array [residue, 4, 3], or Scene
        N, CA, C and O of one chain, in ångström; or of several residues that are seen together.
    count : int
        Number of sequences.
    seed : int
        Of the letters and of the order in which they are drawn.
    temperature : float
        Of the draws. Probabilities in the perplexity are always those of temperature 1.
    fixed : str, optional
        Letters that are given, and "-" for residues to be designed. Given ones come first in the order.
    network : InverseFolding, optional
        Another one than ProteinMPNN.
    bias : mapping from letters to float, optional
        Added to logits before the temperature divides them; -inf for a letter that is never drawn.

    Returns
    -------
    Designed
        Perplexities are of the residues that are designed.
    """
    scene = seen if isinstance(seen, Scene) else alone(seen)
    wanted = FREE * scene.designed if fixed is None else fixed
    if FREE not in wanted:
        raise DataError("Expected residues to design, found none: all letters are given.")
    return _decoded(scene, [wanted] * count, seed, temperature, network, wanted, bias)


def sequence_perplexity(
    seen: Coordinates | Scene,
    sequence: str,
    orders: int = SEQUENCES,
    seed: int = 0,
    network: InverseFolding | None = None,
    given: str | None = None,
) -> float:
    """Perplexity of a sequence on a backbone, the mean over random orders of its residues; "X" is an unknown one.

    given: letters that come first in the order and don't count, and "-" for the others, if there are any.
    """
    scene = seen if isinstance(seen, Scene) else alone(seen)
    counted = FREE * scene.designed if given is None or FREE not in given else given
    return float(_decoded(scene, [sequence] * orders, seed, 1.0, network, counted).perplexity.mean())


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
        graph = known.encode(alone(coordinates))
        for chances in found:
            is_last = group == np.arange(group.max() + 1)[:, None]
            order = torch.as_tensor(np.argsort(generator.random(is_last.shape) + is_last, 1))
            decoded = known.decode(graph, order, given.expand(order.shape), 1.0, torch.Generator())[1]
            chances[:] = decoded[torch.as_tensor(group), torch.arange(residues)].numpy()
    return found.mean(0)


def _decoded(
    scene: Scene, wanted: list[str], seed: int, temperature: float, network: InverseFolding | None, counted: str,
    bias: Mapping[str, float] | None = None,
) -> Designed:  # fmt: skip
    """counted: letters, and "-" for residues that come last in the order, whose probabilities count."""
    known, size = network or load_inverse_folding(), scene.designed
    others = _indices(scene.letters, len(scene.letters))
    given = np.array([np.append(_indices(letters, size), others) for letters in wanted])
    designed = np.broadcast_to(np.append(_indices(counted, size) < 0, others < 0), given.shape)
    order = np.argsort(np.random.default_rng(seed).random(given.shape) + designed, 1)
    added = None if not bias else torch.tensor([bias.get(letter, 0.0) for letter in LETTERS[:-1]])
    with torch.inference_mode():
        graph = known.encode(scene)
        generator = torch.Generator().manual_seed(seed)
        letters, chances = known.decode(
            graph, torch.as_tensor(order), torch.as_tensor(given), temperature, generator, added
        )
        chosen = chances.gather(-1, letters[..., None])[..., 0].numpy().astype(np.float64)
    mean = np.where(designed, chosen, 0).sum(1) / designed.sum(1)
    drawn = tuple("".join(LETTERS[index] for index in row[:size]) for row in letters.tolist())
    return Designed(drawn, np.exp(-mean))


def _indices(letters: str, residues: int) -> Int[np.ndarray, " residue"]:
    if len(letters) != residues or set(letters) - {*LETTERS, FREE}:
        raise DataError(
            f"Expected {residues} letters of {LETTERS} or '{FREE}', one for each residue, got {letters[:40]!r} "
            f"of {len(letters)}."
        )
    return np.array([LETTERS.find(letter) for letter in letters], int)
