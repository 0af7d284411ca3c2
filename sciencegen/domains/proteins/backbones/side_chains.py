"""Side chains packed on backbones with sequences, by the published weights of LigandMPNN's packer (Dauparas et al.
2025): torsions are drawn at random, then improved in a few steps that see all atoms."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import cast

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.functional import one_hot, softplus

from sciencegen.domains.proteins.backbones.files import pdb_chain
from sciencegen.domains.proteins.backbones.geometry import ATOM_DISTANCE, place_atoms, place_betas
from sciencegen.domains.proteins.backbones.inverse_folding import (
    HIDDEN,
    HIGHEST,
    LAYERS,
    LETTERS,
    RADIAL_FUNCTIONS,
    EncoderLayer,
    Graph,
    Layer,
    LigandFeatures,
    Offsets,
    Scene,
    SeesLigand,
    nearest_atoms,
    neighbourhoods,
    radial,
    with_betas,
)
from sciencegen.domains.proteins.backbones.items import Backbone, chain_names
from sciencegen.domains.proteins.backbones.published_weights import PACKER, weights_file
from sciencegen.domains.proteins.residues import BACKBONE

# Ideal side chains as internal coordinates: medians of 80 chains of the Protein Data Bank. Of each atom its name, the
# three atoms from which it is placed, bond length, bond angle, the number of the torsion (0: none) and what is added.

TORSIONS = 4
ATOMS = 14
"""Most heavy atoms of an amino acid."""
SIDE_CHAINS = {
    "A": "",
    "C": "SG N CA CB 1.81 114.0 1 0",
    "D": "CG N CA CB 1.52 112.9 1 0|OD1 CA CB CG 1.25 119.0 2 0|OD2 CA CB CG 1.25 118.2 2 180",
    "E": "CG N CA CB 1.52 113.9 1 0|CD CA CB CG 1.52 112.9 2 0|OE1 CB CG CD 1.25 118.7 3 0|"
    "OE2 CB CG CD 1.25 118.3 3 180",
    "F": "CG N CA CB 1.50 113.9 1 0|CD1 CA CB CG 1.39 120.6 2 0|CD2 CA CB CG 1.39 120.5 2 180|"
    "CE1 CB CG CD1 1.39 120.8 0 180|CE2 CB CG CD2 1.39 120.8 0 180|CZ CG CD1 CE1 1.39 119.9 0 0",
    "G": "",
    "H": "CG N CA CB 1.50 113.8 1 0|ND1 CA CB CG 1.38 122.7 2 0|CD2 CA CB CG 1.35 131.1 2 180|"
    "CE1 CB CG ND1 1.32 109.4 0 180|NE2 CB CG CD2 1.37 107.2 0 180",
    "I": "CG1 N CA CB 1.53 110.2 1 0|CG2 N CA CB 1.53 110.5 1 -122|CD1 CA CB CG1 1.52 113.9 2 0",
    "K": "CG N CA CB 1.52 114.0 1 0|CD CA CB CG 1.52 111.4 2 0|CE CB CG CD 1.52 111.6 3 0|NZ CG CD CE 1.49 111.9 4 0",
    "L": "CG N CA CB 1.53 116.4 1 0|CD1 CA CB CG 1.52 110.1 2 0|CD2 CA CB CG 1.52 110.0 2 122",
    "M": "CG N CA CB 1.52 114.3 1 0|SD CA CB CG 1.81 112.8 2 0|CE CB CG SD 1.79 100.9 3 0",
    "N": "CG N CA CB 1.52 112.7 1 0|OD1 CA CB CG 1.23 120.9 2 0|ND2 CA CB CG 1.33 116.5 2 180",
    "P": "CG N CA CB 1.50 104.0 1 0|CD CA CB CG 1.51 103.9 2 0",
    "Q": "CG N CA CB 1.52 113.7 1 0|CD CA CB CG 1.52 112.6 2 0|OE1 CB CG CD 1.23 120.9 3 0|"
    "NE2 CB CG CD 1.33 116.5 3 180",
    "R": "CG N CA CB 1.52 113.9 1 0|CD CA CB CG 1.52 111.7 2 0|NE CB CG CD 1.46 111.9 3 0|CZ CG CD NE 1.33 124.4 4 0|"
    "NH1 CD NE CZ 1.33 120.4 0 0|NH2 CD NE CZ 1.33 119.9 0 180",
    "S": "OG N CA CB 1.42 110.8 1 0",
    "T": "OG1 N CA CB 1.43 109.4 1 0|CG2 N CA CB 1.52 111.0 1 -120",
    "V": "CG1 N CA CB 1.52 110.5 1 0|CG2 N CA CB 1.52 110.2 1 122",
    "W": "CG N CA CB 1.50 113.7 1 0|CD1 CA CB CG 1.37 126.9 2 0|CD2 CA CB CG 1.43 126.7 2 180|"
    "CE2 CB CG CD2 1.41 107.2 0 180|CE3 CB CG CD2 1.40 133.9 0 0|NE1 CB CG CD1 1.37 110.1 0 180|"
    "CZ2 CG CD2 CE2 1.40 122.4 0 180|CZ3 CG CD2 CE3 1.39 118.7 0 180|CH2 CD2 CE2 CZ2 1.37 117.5 0 0",
    "Y": "CG N CA CB 1.51 113.7 1 0|CD1 CA CB CG 1.39 120.8 2 0|CD2 CA CB CG 1.39 120.8 2 180|"
    "CE1 CB CG CD1 1.39 121.1 0 180|CE2 CB CG CD2 1.39 121.1 0 180|CZ CG CD1 CE1 1.38 119.5 0 0|"
    "OH CD1 CE1 CZ 1.38 119.8 0 180",
}
"""In the order of the weights."""


@cache
def atom_names(letter: str) -> tuple[str, ...]:
    """The heavy atoms of an amino acid, in the order of the weights; those of the backbone for an unknown one."""
    if letter not in SIDE_CHAINS:
        return BACKBONE
    parts = SIDE_CHAINS[letter].split("|")
    return (*BACKBONE, *(("CB",) if letter != "G" else ()), *(part.split()[0] for part in parts if part))


def build(
    backbone: Float[np.ndarray, "residue 4 3"], sequence: str, torsions: Float[np.ndarray, "residue 4"]
) -> tuple[Float[np.ndarray, "residue 14 3"], Bool[np.ndarray, "residue 14"]]:
    """All heavy atoms from the torsions of side chains in degrees, and which of the places are atoms; others are 0."""
    backbone = np.asarray(backbone, np.float64)
    betas, places = place_betas(backbone), np.zeros((len(sequence), ATOMS, 3))
    present = np.zeros(places.shape[:2], bool)
    letters = np.array(list(sequence))
    for letter in sorted(set(sequence)):
        rows = np.flatnonzero(letters == letter)
        atoms = dict(zip((*BACKBONE, "CB"), (*np.moveaxis(backbone[rows], 1, 0), betas[rows]), strict=True))
        for part in filter(None, SIDE_CHAINS.get(letter, "").split("|")):
            name, first, second, third, length, angle, number, offset = part.split()
            torsion = float(offset) + (torsions[rows, int(number) - 1] if int(number) else np.zeros(len(rows)))
            around = atoms[first], atoms[second], atoms[third]
            atoms[name] = place_atoms(*around, float(length), float(angle), torsion)
        names = atom_names(letter)
        places[rows[:, None], np.arange(len(names))] = np.stack([atoms[name] for name in names], 1)
        present[rows[:, None], np.arange(len(names))] = True
    return places, present


# The network of the packer. Names of parameters are those of the published weights.

MIXTURE = 3
"""Number of von Mises distributions in the mixture of a torsion."""
STEPS = 3
"""Number of improvements, the default of LigandMPNN."""
ANGLES = 360


class PackerFeatures(LigandFeatures):
    """Of backbones and their sequence, of all atoms, and of a ligand's atoms."""

    least_radius = 0.0

    def __init__(self, neighbours: int, atoms: int) -> None:
        super().__init__()
        self.neighbours, self.atoms = neighbours, atoms
        self.positional_embeddings = Offsets()
        self.enc_edge_embedding = nn.Linear(RADIAL_FUNCTIONS * 26, HIDDEN, bias=False)
        self.enc_node_embedding = nn.Linear(len(LETTERS), HIDDEN, bias=False)
        self.enc_norm_edges, self.enc_norm_nodes = nn.LayerNorm(HIDDEN), nn.LayerNorm(HIDDEN)
        self.W_XY_project_down1 = nn.Linear(RADIAL_FUNCTIONS + HIGHEST + 2, RADIAL_FUNCTIONS)
        self.dec_edge_embedding1 = nn.Linear(RADIAL_FUNCTIONS * ATOMS**2 + 2 * len(LETTERS), HIDDEN, bias=False)
        self.dec_node_embedding1 = nn.Linear(ATOMS * atoms * RADIAL_FUNCTIONS, HIDDEN, bias=False)
        self.dec_norm_edges1, self.dec_norm_nodes1 = nn.LayerNorm(HIDDEN), nn.LayerNorm(HIDDEN)
        self.add_ligand()

    def edges(self, atoms: Float[Tensor, "residue 5 3"], scene: Scene) -> tuple[Tensor, Tensor]:
        """Neighbours, and edges by the backbone."""
        near, offsets, distances = neighbourhoods(atoms, scene, self.neighbours)
        found = [self.positional_embeddings(*offsets), radial(distances.flatten(2), 0.0).flatten(2)]
        return near, self.enc_norm_edges(self.enc_edge_embedding(torch.cat(found, -1)))

    def all_atoms(
        self,
        places: Float[Tensor, "residue 14 3"],
        present: Float[Tensor, "residue 14"],
        kinds: Float[Tensor, "residue letter"],
        near: Int[Tensor, "residue neighbour"],
    ) -> Float[Tensor, "residue neighbour hidden"]:
        """Edges by the distances of all atoms."""
        apart = torch.sqrt(torch.square(places[:, None, :, None] - places[near][:, :, None]).sum(-1) + 1e-6)
        known = present[:, None, :, None] * present[near][:, :, None]
        spread = (radial(apart, 0.0) * known[..., None]).flatten(2)
        pairs = [kinds[:, None].expand(*near.shape, -1), kinds[near]]
        return self.dec_norm_edges1(self.dec_edge_embedding1(torch.cat([spread, *pairs], -1)))

    def from_ligand(
        self,
        places: Float[Tensor, "residue 14 3"],
        present: Float[Tensor, "residue 14"],
        residues: Float[Tensor, "residue 5 3"],
        scene: Scene,
    ) -> Float[Tensor, "residue hidden"]:
        """Nodes by the distances of all atoms from those of the ligand; absent ones count as an unknown element."""
        near, elements = nearest_atoms(residues, scene, self.atoms)
        lacking = self.atoms - near.shape[1]
        near = nn.functional.pad(near, (0, 0, 0, lacking))
        known = nn.functional.pad(torch.ones(elements.shape), (0, lacking))
        apart = torch.sqrt(torch.square(places[:, :, None] - near[:, None]).sum(-1) + 1e-6)
        spread = radial(apart, 0.0) * (present[:, :, None] * known[:, None])[..., None]
        kinds = one_hot(nn.functional.pad(elements, (0, lacking)), HIGHEST + 2).float()
        kinds = kinds[:, None].expand(-1, ATOMS, -1, -1)
        found = self.W_XY_project_down1(torch.cat([spread, kinds], -1)).flatten(1)
        return self.dec_norm_nodes1(self.dec_node_embedding1(found))


class Packer(SeesLigand):
    """Distributions of the torsions of side chains, given all atoms at torsions that are to be improved."""

    def __init__(self, neighbours: int = 32, atoms: int = 16) -> None:
        super().__init__()
        self.features = PackerFeatures(neighbours, atoms)
        self.W_e, self.W_v, self.W_f, self.W_v_sc, self.W_e_context = (nn.Linear(HIDDEN, HIDDEN) for _ in range(5))
        self.linear_down = nn.Linear(2 * HIDDEN, HIDDEN)
        self.W_torsions = nn.Linear(HIDDEN, TORSIONS * MIXTURE * 3)
        self.encoder_layers = nn.ModuleList(EncoderLayer() for _ in range(LAYERS))
        self.decoder_layers = nn.ModuleList(Layer(4) for _ in range(LAYERS))
        self.add_context()

    def encode(self, scene: Scene, letters: Int[Tensor, " residue"]) -> Graph:
        """The backbone and its sequence, and the ligand."""
        residues = with_betas(scene.coordinates)
        near, edges = self.features.edges(residues, scene)
        kinds = one_hot(letters, len(LETTERS)).float()
        nodes = self.W_v(self.features.enc_norm_nodes(self.features.enc_node_embedding(kinds)))
        edges = self.W_e(edges)
        for layer in self.encoder_layers:
            nodes, edges = layer(nodes, edges, near)
        seen, atoms, pairs = self.features.ligand(residues, scene, self.features.atoms)
        nodes = self.with_ligand(nodes, self.W_e_context(seen), atoms, pairs)
        return Graph(nodes, edges, near, torch.as_tensor(scene.groups))

    def decode(
        self,
        graph: Graph,
        scene: Scene,
        letters: Int[Tensor, " residue"],
        places: Float[Tensor, "residue 14 3"],
        present: Float[Tensor, "residue 14"],
    ) -> tuple[Float[Tensor, "residue 4 3"], Float[Tensor, "residue 4 3"], Float[Tensor, "residue 4 3"]]:
        """Means in radians, concentrations and logits of the mixture of each torsion."""
        kinds = one_hot(letters, len(LETTERS)).float()
        of_atoms = self.W_f(self.features.all_atoms(places, present, kinds, graph.neighbours))
        of_ligand = self.W_v_sc(self.features.from_ligand(places, present, with_betas(scene.coordinates), scene))
        nodes, edges = self.linear_down(torch.cat([graph.nodes, of_ligand], -1)), torch.cat([graph.edges, of_atoms], -1)
        for each in self.decoder_layers:
            layer = cast(Layer, each)
            ends = nodes[:, None].expand(*edges.shape[:2], -1)
            nodes = layer.update(nodes, layer.W1(torch.cat([ends, edges, nodes[graph.neighbours]], -1)))
        mean, concentration, logits = self.W_torsions(nodes).reshape(-1, TORSIONS, MIXTURE, 3).unbind(-1)
        return mean, 0.1 + softplus(concentration), logits


def likeliest(mean: Tensor, concentration: Tensor, logits: Tensor) -> Float[Tensor, "residue torsion"]:
    """Of each mixture sum_k w_k exp(κ_k cos(x - μ_k)) / (2π I0(κ_k)) the mode, in whole degrees."""
    angles = torch.arange(ANGLES) * (2 * torch.pi / ANGLES)
    each = concentration[..., None, :] * (torch.cos(angles[:, None] - mean[..., None, :]) - 1)
    weights = torch.log_softmax(logits, -1) - torch.log(torch.special.i0e(concentration))
    return (each + weights[..., None, :]).logsumexp(-1).argmax(-1).float()


@cache
def load_packer() -> Packer:
    """The network with its published weights, in float32, on the CPU."""
    stored = torch.load(weights_file(PACKER), map_location="cpu", weights_only=True)
    network = Packer(int(stored["num_edges"]), int(stored["atom_context_num"]))
    network.load_state_dict(stored["model_state_dict"])
    return network.eval().requires_grad_(False)


def pack(
    scene: Scene, sequence: str, seed: int = 0, network: Packer | None = None
) -> tuple[Float[np.ndarray, "residue 14 3"], Bool[np.ndarray, "residue 14"]]:
    """All heavy atoms of a scene with a letter for each residue, and which of the places are atoms.

    seed: of the torsions from which the steps start; each takes the likeliest ones.
    """
    known, letters = network or load_packer(), torch.tensor([LETTERS.index(letter) for letter in sequence])
    torsions = np.random.default_rng(seed).uniform(-180, 180, (len(sequence), TORSIONS))
    with torch.inference_mode():
        graph = known.encode(scene, letters)
        for _ in range(STEPS):
            places, present = build(scene.coordinates, sequence, torsions)
            atoms, are = torch.tensor(places, dtype=torch.float32), torch.tensor(present, dtype=torch.float32)
            torsions = likeliest(*known.decode(graph, scene, letters, atoms, are)).numpy().astype(np.float64)
    return build(scene.coordinates, sequence, torsions)


NONMETALS = (5, 6, 7, 8, 9, 14, 15, 16, 17, 34, 35, 53)
BETA_ATOM = len(BACKBONE)
"""Place of CB, behind which side chains are packed."""


def packed_file(item: Backbone, scene: Scene, seed: int) -> tuple[str, int]:
    """A PDB file of the chains of a scene that have the item's sequence, with packed side chains; and their clashes."""
    letters = np.full(len(scene.coordinates), "X")
    for group, letter in zip(scene.groups, item.sequence + scene.letters, strict=True):
        letters[group[group >= 0]] = letter
    sequence = "".join(letters)
    places, present = pack(scene, sequence, seed)
    designed = scene.groups[: len(item)]
    numbers = np.unique(scene.chains[designed[designed >= 0]])
    lines: list[str] = []
    for number, name in zip(numbers, chain_names(item.chain[:1], len(numbers)), strict=True):
        here = [
            (row, at) for row, group in enumerate(designed) for at in group if at >= 0 and scene.chains[at] == number
        ]
        rows, ats = zip(*here, strict=True)
        part = replace(
            item, coordinates=scene.coordinates[list(ats)], sequence="".join(item.sequence[row] for row in rows),
            numbers=tuple(item.numbers[row] for row in rows), chain=name, symmetry="",
        )  # fmt: skip
        atoms = [list(zip(atom_names(sequence[at]), places[at].tolist(), strict=False)) for at in ats]
        lines += pdb_chain(part, atoms)
    return "".join([*lines, "END\n"]), count_clashes(scene, sequence, places, present)


def count_clashes(
    scene: Scene, sequence: str, places: Float[np.ndarray, "residue 14 3"], present: Bool[np.ndarray, "residue 14"]
) -> int:
    """Pairs of heavy atoms within `ATOM_DISTANCE`, at least one of them beyond CB, of residues that aren't neighbours
    along a chain, or of one residue and a ligand; two sulphur atoms and atoms of metals don't count."""
    from scipy.spatial import KDTree

    residues, atoms = np.nonzero(present)
    tree = KDTree(places[present])
    first, second = residues[pairs := tree.query_pairs(ATOM_DISTANCE, output_type="ndarray")].T
    beyond = (atoms[pairs] > BETA_ATOM).any(1)
    apart = (scene.chains[first] != scene.chains[second]) | (np.abs(scene.places[first] - scene.places[second]) > 1)
    sulphur = [all(atom_names(sequence[residues[at]])[atoms[at]][0] == "S" for at in pair) for pair in pairs]
    ligand = scene.atoms[np.isin(scene.elements, NONMETALS)]
    side = places[present][atoms > BETA_ATOM]
    touched = sum(map(len, KDTree(side).query_ball_point(ligand, ATOM_DISTANCE))) if len(ligand) and len(side) else 0
    return int((beyond & apart & ~np.array(sulphur, bool)).sum()) + touched
