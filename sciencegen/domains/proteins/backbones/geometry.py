"""Dihedral angles, positions of atoms that follow from others, breaks of a chain, and the handedness of residues.

Ideal bond lengths and angles: Engh & Huber 1991, Acta Cryst. A47, 392.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from itertools import groupby
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.ndimage import distance_transform_edt
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from sciencegen.domains.proteins.residues import PEPTIDE_BOND
from sciencegen.metrics.sets import jensen_shannon_distance

N_CA, CA_C, C_N, C_O = 1.458, 1.525, 1.329, 1.231
"""Bond lengths in ångström."""
N_CA_C, CA_C_N, C_N_CA, CA_C_O = 111.2, 116.2, 121.7, 120.8
"""Bond angles in degrees."""
N_H = 1.0
"""Length of the bond of N and H in DSSP, ångström."""
END_PSI = 140.0
"""Torsion psi of a last residue without a neighbour before it, degrees."""
CERTAIN = 0.3
"""Ångström by which a CB must lie on the wrong side of the plane of N, CA and C."""

Coordinates = Float[np.ndarray, "residue 4 3"]
"""Positions of N, CA, C and O, in ångström."""
Points = Float[np.ndarray, "residue 3"]


def unit(vectors: Float[np.ndarray, "*point 3"]) -> Float[np.ndarray, "*point 3"]:
    """Vectors of length 1; those of length 0 are unchanged."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)


def dihedrals(points: Float[np.ndarray, "*angle 4 3"]) -> Float[np.ndarray, "*angle"]:
    """Dihedral angles of chains of four points, in degrees: atan2(|b| a · (b × c), (a × b) · (b × c)).

    a, b, c are the vectors from each point to the next. The sign is that of IUPAC.
    """
    a, b, c = np.moveaxis(np.diff(np.asarray(points, np.float64), axis=-2), -2, 0)
    normal = np.cross(b, c)
    sine = np.linalg.norm(b, axis=-1) * (a * normal).sum(-1)
    return np.degrees(np.arctan2(sine, (np.cross(a, b) * normal).sum(-1)))


def place_atoms(
    a: Float[np.ndarray, "*atom 3"],
    b: Float[np.ndarray, "*atom 3"],
    c: Float[np.ndarray, "*atom 3"],
    length: float,
    angle: float,
    dihedral: Float[np.ndarray, "*atom"] | float,
) -> Float[np.ndarray, "*atom 3"]:
    """Atoms bonded to c, from internal coordinates: bond length, bond angle with b and c, and dihedral with a, b and c
    in degrees. Parsons et al. 2005, J. Comput. Chem. 26, 1063 (NeRF)."""
    along = unit(c - b)
    normal = unit(np.cross(b - a, along))
    bend, turn = np.radians(angle), np.radians(dihedral)[..., None]
    sideways = np.cos(turn) * np.cross(normal, along) + np.sin(turn) * normal
    return c + length * (np.sin(bend) * sideways - np.cos(bend) * along)


def bonded(n: Points, c: Points) -> Bool[np.ndarray, " bond"]:
    """[residue - 1] whether each residue is bonded to the next one."""
    return np.linalg.norm(n[1:] - c[:-1], axis=-1) <= PEPTIDE_BOND


def place_oxygens(n: Points, ca: Points, c: Points) -> Points:
    """Carbonyl oxygens: in the plane of CA, C and the next N, opposite to both. A residue that isn't bonded
    to a next one gets the torsion psi of the residue before it."""
    # psi of the residue before, if it is bonded to this one
    before = dihedrals(np.stack([n[:-1], ca[:-1], c[:-1], n[1:]], -2))
    psi = np.concatenate([[END_PSI], np.where(bonded(n, c), before, END_PSI)])
    oxygens = place_atoms(n, ca, c, C_O, CA_C_O, psi + 180.0)
    joined = np.flatnonzero(bonded(n, c))
    away = unit(c[joined] - ca[joined]) + unit(c[joined] - n[joined + 1])
    oxygens[joined] = c[joined] + C_O * unit(away)
    return oxygens


def place_hydrogens(n: Points, c: Points, o: Points) -> Points:
    """Hydrogens of the amide groups, opposite to the C=O before, as in DSSP; NaN where no C is bonded before."""
    hydrogens = np.full_like(n, np.nan)
    joined = np.flatnonzero(bonded(n, c)) + 1
    hydrogens[joined] = n[joined] + N_H * unit(c[joined - 1] - o[joined - 1])
    return hydrogens


BETA = (-0.58273431, -0.56802827, -0.54067466)
"""Factors of N × C, N and C, relative to CA, in an ideal residue's CB: those of ProteinMPNN (Dauparas et al. 2022)."""


def place_betas(coordinates: Coordinates) -> Points:
    """CB of ideal residues, from N, CA and C alone; glycines get one too."""
    n, ca, c = np.moveaxis(np.asarray(coordinates, np.float64)[:, :3], 1, 0)
    return ca + BETA[0] * np.cross(ca - n, c - ca) + BETA[1] * (n - ca) + BETA[2] * (c - ca)


def is_dextro(n: Points, ca: Points, c: Points, beta: Points) -> Bool[np.ndarray, " residue"]:
    """Whether the beta carbon lies on the side of a D-amino acid; False where it is NaN."""
    normal = unit(np.cross(ca - n, c - ca))
    with np.errstate(invalid="ignore"):
        return np.einsum("ix,ix->i", beta - ca, normal) > CERTAIN


# Geometry of backbones: bond lengths and angles, distances of neighbours, clashes and chain breaks.

TRANS_DISTANCE = (3.6, 4.0)
"""Distance in ångström of neighbours' CA across a trans peptide bond, 3.80; across a cis bond it is 2.9."""
CLASH_DISTANCE = 3.4
"""Distance in ångström below which two CA clash that aren't neighbours."""
OVERLAP_DISTANCE, OVERLAP_SEPARATION = 4.0, 3
"""Distance in ångström within which few CA of native chains lie that are so many residues apart: their side chains
have no room."""
ATOM_DISTANCE = 2.5
"""Distance in ångström below which heavy atoms clash: shorter than a hydrogen bond. Native chains have 0.05 such pairs
for 100 residues."""
APART = 2
"""Least number of residues from one of two clashing atoms to the other's."""
CROWDED_DISTANCE = 3.8
"""Distance in ångström within which few CB of native chains lie."""
TRANS_ANGLE = 150.0
"""Minimum |omega| of a trans peptide bond, degrees."""


SIDE_CHAIN = 2.5 / 1.53
"""Distance from CA of a point in the direction of CB, where side chains begin, over the length of their bond."""
LEAST_APART = np.array([
    [4.1, 4.0, 3.6, 2.75, 3.5, 3.7],
    [4.0, 4.3, 4.0, 3.1, 3.6, 3.6],
    [3.6, 4.0, 4.3, 3.4, 3.4, 3.6],
    [2.75, 3.1, 3.4, 3.2, 3.1, 3.2],
    [3.5, 3.6, 3.4, 3.1, 4.2, 3.3],
    [3.7, 3.6, 3.6, 3.2, 3.3, 2.9],
])  # fmt: skip
"""Distance in ångström of N, CA, C, O, ideal CB and the side chain's point below which native chains have about one
pair for 100 residues, `OVERLAP_SEPARATION` or more of them apart; three to six of CA, of CB, and of the last point."""


def bond_lengths(coordinates: Coordinates) -> Mapping[str, Float[np.ndarray, " bond"]]:
    """Bond lengths by kind, ångström; "C-N" is the peptide bond, also across chain breaks."""
    n, ca, c, o = np.moveaxis(np.asarray(coordinates, np.float64), 1, 0)
    ends = {"N-CA": (n, ca), "CA-C": (ca, c), "C=O": (c, o), "C-N": (c[:-1], n[1:])}
    return {kind: np.linalg.norm(second - first, axis=-1) for kind, (first, second) in ends.items()}


def bond_angles(coordinates: Coordinates) -> Mapping[str, Float[np.ndarray, " angle"]]:
    """Bond angles by kind, degrees; those with "C-N" are at peptide bonds."""
    n, ca, c, o = np.moveaxis(np.asarray(coordinates, np.float64), 1, 0)
    points = {
        "N-CA-C": (n, ca, c), "CA-C=O": (ca, c, o), "CA-C-N": (ca[:-1], c[:-1], n[1:]),
        "O=C-N": (o[:-1], c[:-1], n[1:]), "C-N-CA": (c[:-1], n[1:], ca[1:]),
    }  # fmt: skip
    return {kind: _angles(*three) for kind, three in points.items()}


def _angles(first: np.ndarray, middle: np.ndarray, last: np.ndarray) -> Float[np.ndarray, " angle"]:
    """Angle at the middle point, degrees: atan2(|u × v|, u · v), which is accurate near 0 and 180."""
    u, v = first - middle, last - middle
    return np.degrees(np.arctan2(np.linalg.norm(np.cross(u, v), axis=-1), (u * v).sum(-1)))


def ca_distances(coordinates: Coordinates) -> Float[np.ndarray, " bond"]:
    """Distances of neighbours' CA, ångström."""
    return np.linalg.norm(np.diff(np.asarray(coordinates, np.float64)[:, 1], axis=0), axis=-1)


def ca_clashes(coordinates: Coordinates) -> int:
    """Number of pairs of CA closer than `CLASH_DISTANCE` that aren't neighbours in the chain."""
    return _close_pairs(coordinates, CLASH_DISTANCE, 2)


def overlaps(coordinates: Coordinates) -> int:
    """Number of pairs of CA within `OVERLAP_DISTANCE` that are `OVERLAP_SEPARATION` or more residues apart."""
    return _close_pairs(coordinates, OVERLAP_DISTANCE, OVERLAP_SEPARATION)


def clashes(coordinates: Coordinates, given: Bool[np.ndarray, " residue"] | None = None) -> int:
    """Number of pairs of N, CA, C and O closer than `ATOM_DISTANCE`, of residues `APART` or more apart. given: residues
    between which clashes don't count, since no model has drawn them."""
    atoms = np.asarray(coordinates, np.float64)
    residue = np.repeat(np.arange(len(atoms)), atoms.shape[1])
    pairs = residue[_near(atoms.reshape(-1, 3), residue, ATOM_DISTANCE, APART)]
    return len(pairs) if given is None else int((~given[pairs].all(1)).sum())


def beta_clashes(coordinates: Coordinates) -> int:
    """Number of pairs of an ideal CB and any of N, CA, C, O and CB closer than `ATOM_DISTANCE`, of residues `APART` or
    more apart. Native chains have some, at glycines, which have no CB."""
    atoms = np.concatenate([coordinates, place_betas(coordinates)[:, None]], 1)
    pairs = _near(atoms.reshape(-1, 3), np.repeat(np.arange(len(atoms)), 5), ATOM_DISTANCE, APART)
    return int((pairs % 5 == 4).any(1).sum())


def crowded_betas(coordinates: Coordinates) -> int:
    """Number of pairs of ideal CB within `CROWDED_DISTANCE`, of residues `APART` or more apart."""
    return len(_near(place_betas(coordinates), np.arange(len(coordinates)), CROWDED_DISTANCE, APART))


def _close_pairs(coordinates: Coordinates, distance: float, separation: int) -> int:
    return len(_near(np.asarray(coordinates)[:, 1], np.arange(len(coordinates)), distance, separation))


def _near(
    points: Float[np.ndarray, "atom 3"], residue: Int[np.ndarray, " atom"], distance: float, separation: int
) -> Int[np.ndarray, "pair 2"]:
    """Pairs of atoms within this distance whose residues are so far apart."""
    if len(points) < 2:
        return np.empty((0, 2), int)
    pairs = cKDTree(points).query_pairs(distance, output_type="ndarray")
    return pairs[abs(residue[pairs[:, 0]] - residue[pairs[:, 1]]) >= separation]


def assembly_clashes(
    copies: Float[np.ndarray, "copy residue 4 3"], given: Bool[np.ndarray, " residue"] | None = None
) -> bool:
    """Whether two CA, or two of N, CA, C and O, clash in the first of the equal chains, or with those of another one.

    given: as of `clashes`.
    """
    if ca_clashes(copies[0]) or clashes(copies[0], given):
        return True
    chain, *others = copies.reshape(len(copies), -1, 3)
    return any(bool((cdist(chain, other) < ATOM_DISTANCE).any()) for other in others) or any(
        bool((cdist(chain[1::4], other[1::4]) < CLASH_DISTANCE).any()) for other in others
    )


def chain_breaks(coordinates: Coordinates) -> int:
    """Number of peptide bonds that are longer than a bond can be."""
    n, _, c, _ = np.moveaxis(np.asarray(coordinates, np.float64), 1, 0)
    return int((~bonded(n, c)).sum())


# Packing: contacts of CA, and CB in the cone that a side chain points to, both without a sequence.

CONTACT_DISTANCE = 8.0
"""Distance in ångström below which two CA are in contact."""
CONTACT_SEPARATION = 6
"""Residues of `contacts_per_residue` are so far apart: contacts within helices and turns don't count."""
BURIED = 5.2
"""`side_chain_neighbours` from which on a residue is in the core: the default of Rosetta's LayerSelector."""


def contacts_per_residue(coordinates: Coordinates) -> float:
    """Number of pairs of CA within `CONTACT_DISTANCE`, `CONTACT_SEPARATION` or more residues apart, over the length."""
    return _close_pairs(coordinates, CONTACT_DISTANCE, CONTACT_SEPARATION) / len(coordinates)


def side_chain_neighbours(coordinates: Coordinates) -> Float[np.ndarray, " residue"]:
    """Number of ideal CB j in front of each side chain i, as Rosetta's LayerSelector counts them.

        n_i = sum_{j != i} 1 / (1 + exp(d_ij - 9 Å)) max(0, (cos angle(CA_i CB_i, CB_i CB_j) + 1/2) / (3/2))^2

    References
    ----------
    Maguire et al. 2021, Perturbing the energy landscape for improved packing during computational protein design,
    Proteins 89, 436.
    """
    beta = place_betas(coordinates)
    pointing = unit(beta - np.asarray(coordinates, np.float64)[:, 1])
    apart = beta - beta[:, None]
    distance = np.linalg.norm(apart, axis=-1)
    cosine = np.einsum("ix,ijx->ij", pointing, unit(apart))
    front = np.square(np.maximum((cosine + 0.5) / 1.5, 0)) / (1 + np.exp(np.minimum(distance - 9, 50.0)))
    np.fill_diagonal(front, 0)
    return front.sum(1)


# Torsion angles of backbones: measured, compared as Ramachandran histograms, and built into coordinates.

BIN_WIDTH = 10
"""Of Ramachandran histograms, degrees."""


def torsions_of(coordinates: Float[np.ndarray, "residue 4 3"]) -> tuple[Float[np.ndarray, " residue"], ...]:
    """Torsion angles phi, psi and omega of each residue of a backbone, chain breaks ignored.

    In degrees, -180 to 180; NaN at the ends of the chain, where an atom is missing. phi: C of the residue before, N,
    CA, C. psi: N, CA, C, N of the residue after. omega: CA, C, N and CA of the residue after.
    """
    n, ca, c, _ = np.moveaxis(np.asarray(coordinates, np.float64), 1, 0)
    phi = dihedrals(np.stack([c[:-1], n[1:], ca[1:], c[1:]], -2))
    psi = dihedrals(np.stack([n[:-1], ca[:-1], c[:-1], n[1:]], -2))
    omega = dihedrals(np.stack([ca[:-1], c[:-1], n[1:], ca[1:]], -2))
    end = [np.nan]
    return np.concatenate([end, phi]), np.concatenate([psi, end]), np.concatenate([omega, end])


def ramachandran_histogram(backbones: Iterable[Float[np.ndarray, "_ 4 3"]]) -> Float[np.ndarray, "phi psi"]:
    """Number of inner residues of all backbones in each bin of phi and psi, `BIN_WIDTH` wide, from -180 degrees."""
    edges = np.arange(-180, 181, BIN_WIDTH)
    counts = np.zeros((len(edges) - 1,) * 2)
    for coordinates in backbones:
        phi, psi, _ = torsions_of(coordinates)
        counts += np.histogram2d(phi[1:-1], psi[1:-1], (edges, edges))[0]
    return counts


def ramachandran_divergence(
    backbones: Iterable[Float[np.ndarray, "_ 4 3"]], others: Iterable[Float[np.ndarray, "_ 4 3"]]
) -> float:
    """Jensen-Shannon divergence of the Ramachandran histograms of two sets, in bits, 0 to 1; NaN for an empty set.

    It grows as sets get smaller, since empty bins differ: compare it with that of two sets of real structures.
    """
    first, second = ramachandran_histogram(backbones), ramachandran_histogram(others)
    if not first.any() or not second.any():
        return float("nan")
    return jensen_shannon_distance(first.ravel(), second.ravel()) ** 2


_CELLS = """
c0000000f c0000003f c000007ff c00019fff c001fffff c01ffffff c01ffe7ff e01ffe7ff e01ffffff e01ffffff c01ff1fff 801fe00ff
001f8007e 001f00078 000c00000 000000000 000000000 000000000 000000000 000000000 000000000 000001000 040007800 1e001f800
7e003f000 e000fe001 e000f8003 c001f8007 0001f0000 0000e0000 000000000 000000000 000000000 c00000000 e00000001 c00000003
"""
ALLOWED = np.array([[bit == "1" for bit in f"{int(row, 16):036b}"] for row in _CELLS.split()])
"""Cells of `ramachandran_histogram` that are allowed; `_CELLS` has a row of bits in hexadecimal for each phi.

They are the fewest that hold 98% of the residues, the rule of Kleywegt & Jones 1996 (Structure 4, 1395), of the 7,384
chains of the dataset `backbones`. Glycine counts, unlike there, since residues of drawn chains have no letter. Of the
residues of chains unlike these, 2.2% are outside.
"""


def ramachandran_outliers(coordinates: Coordinates) -> float:
    """Share of inner residues outside the `ALLOWED` cells; NaN for fewer than three residues.

    Examples
    --------
    >>> import numpy as np
    >>> ramachandran_outliers(backbone_of(np.full(12, -57.0), np.full(12, -47.0)))
    0.0
    >>> ramachandran_outliers(backbone_of(np.full(12, 60.0), np.full(12, -90.0)))
    1.0
    """
    counts = ramachandran_histogram([coordinates])
    return float(counts[~ALLOWED].sum() / counts.sum()) if counts.any() else float("nan")


GRID = 2
"""Degrees between the points of `_outside`."""


@cache
def _outside() -> Float[np.ndarray, "phi psi"]:
    """Degrees from the centre of each square of `GRID` degrees to that of the nearest allowed one, periodic."""
    allowed = np.kron(ALLOWED, np.ones((BIN_WIDTH // GRID,) * 2, bool))
    size = len(allowed)
    return GRID * distance_transform_edt(~np.tile(allowed, (3, 3)))[size : 2 * size, size : 2 * size]


def squared_outliers(atoms: Atoms) -> tuple[float, Atoms]:
    """The sum over inner residues of the squared distance of (phi, psi) to the `ALLOWED` cells, in squared degrees,
    and its gradient; the distance is interpolated bilinearly."""
    n, ca, c = atoms.swapaxes(0, 1)
    points = np.stack([c[:-2], n[1:-1], ca[1:-1], c[1:-1], n[2:]], 1)
    grid = _outside()
    place = ((dihedrals(points[:, :4]) + 180) / GRID - 0.5, (dihedrals(points[:, 1:]) + 180) / GRID - 0.5)
    (i, a), (j, b) = ((np.floor(one).astype(int), one - np.floor(one)) for one in place)
    near, right = (grid[x % len(grid), j % len(grid)] for x in (i, i + 1))
    up, far = (grid[x % len(grid), (j + 1) % len(grid)] for x in (i, i + 1))
    outside = (near * (1 - a) + right * a) * (1 - b) + (up * (1 - a) + far * a) * b
    of_phi = ((right - near) * (1 - b) + (far - up) * b) / GRID
    of_psi = ((up - near) * (1 - a) + (far - right) * a) / GRID
    slope = np.zeros_like(points)
    slope[:, :4] += (2 * outside * of_phi)[:, None, None] * _dihedral_gradients(points[:, :4])
    slope[:, 1:] += (2 * outside * of_psi)[:, None, None] * _dihedral_gradients(points[:, 1:])
    gradient = np.zeros_like(atoms)
    gradient[:-2, 2] += slope[:, 0]
    gradient[1:-1] += slope[:, 1:4]
    gradient[2:, 0] += slope[:, 4]
    return float(np.square(outside).sum()), gradient


def _dihedral_gradients(points: Float[np.ndarray, "angle 4 3"]) -> Float[np.ndarray, "angle 4 3"]:
    """Of `dihedrals`, degrees per ångström. Blondel & Karplus 1996, J. Comput. Chem. 17, 1132, equation 27."""
    f, g, h = points[:, 0] - points[:, 1], points[:, 1] - points[:, 2], points[:, 3] - points[:, 2]
    long = np.linalg.norm(g, axis=-1, keepdims=True)
    a, b = (one / np.square(one).sum(-1, keepdims=True).clip(1e-9) for one in (np.cross(f, g), np.cross(h, g)))
    along = (f * g).sum(-1, keepdims=True) / long * a - (h * g).sum(-1, keepdims=True) / long * b
    return np.degrees(np.stack([-long * a, long * a + along, -long * b - along, long * b], 1))


def backbone_of(
    phi: Float[np.ndarray, " residue"],
    psi: Float[np.ndarray, " residue"],
    omega: Float[np.ndarray, " residue"] | float = 180.0,
) -> Float[np.ndarray, "residue 4 3"]:
    """Backbone with these torsion angles, in degrees, and ideal bond lengths and angles: N, CA, C and O, in ångström.

    phi of the first residue and omega of the last are not used. psi of the last one gives the direction of its O.

    Examples
    --------
    >>> import numpy as np
    >>> helix = backbone_of(np.full(20, -57.0), np.full(20, -47.0))
    >>> helix.shape
    (20, 4, 3)
    >>> torsions_of(helix)[0][1:3].round(6)
    array([-57., -57.])
    """
    twist = np.broadcast_to(omega, len(phi))
    angle = np.radians(180 - N_CA_C)
    placed = [np.zeros(3), np.array([N_CA, 0, 0]), np.array([N_CA + CA_C * np.cos(angle), CA_C * np.sin(angle), 0])]
    for k in range(1, len(phi)):
        placed.append(_next(placed, C_N, CA_C_N, psi[k - 1]))
        placed.append(_next(placed, N_CA, C_N_CA, twist[k - 1]))
        placed.append(_next(placed, CA_C, N_CA_C, phi[k]))
    chain = np.stack(placed).reshape(-1, 3, 3)
    n, ca, c = np.moveaxis(chain, 1, 0)
    oxygens = place_atoms(n, ca, c, C_O, CA_C_O, np.asarray(psi) + 180)
    return np.concatenate([chain, oxygens[:, None]], 1)


def _next(before: list[np.ndarray], length: float, angle: float, dihedral: float) -> np.ndarray:
    """The atom after the last three."""
    return place_atoms(before[-3], before[-2], before[-1], length, angle, dihedral)


# Planarity of peptide bonds: the height of each CA over the plane of the CA, C and N before it.
#
#     h = (a × b) · c / A,     a: CA to C,  b: C to N,  c: N to the next CA,     A = |a × b| of ideal bonds
#
# h is |c| sin(angle of b and c) sin(omega), 1.24 Å sin(omega) for ideal bonds, trans and cis alike. Unlike omega it
# is a polynomial of the coordinates, so that fits of coordinates can minimize it.

AREA = float(CA_C * C_N * np.sin(np.radians(CA_C_N)))
"""A above, Å²."""

Atoms = Float[np.ndarray, "residue 3 3"]
"""Positions of N, CA and C, in ångström."""


def heights(atoms: Atoms) -> Float[np.ndarray, " bond"]:
    """The height of each peptide bond in ångström, with the sign of omega."""
    a, b, c = _bonds(atoms)
    return (np.cross(a, b) * c).sum(-1) / AREA


def squared_heights(
    atoms: Atoms, highest: float, counted: Bool[np.ndarray, " bond"] | bool = True
) -> tuple[float, Atoms]:
    """The sum over the counted peptide bonds of max(0, |h| - highest)^2, and its gradient."""
    (a, b, c), height = _bonds(atoms), heights(atoms)
    wrong = counted * np.sign(height) * np.maximum(abs(height) - highest, 0)
    slope = (2 * wrong / AREA)[:, None]
    of_a, of_b, of_c = slope * np.cross(b, c), slope * np.cross(c, a), slope * np.cross(a, b)
    gradient = np.zeros_like(atoms)
    gradient[:-1, 1] -= of_a
    gradient[:-1, 2] += of_a - of_b
    gradient[1:, 0] += of_b - of_c
    gradient[1:, 1] += of_c
    return float((wrong**2).sum()), gradient


def _bonds(atoms: Atoms) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """[bond 3] the vectors a, b and c above."""
    n, ca, c = atoms.swapaxes(0, 1)
    return (c - ca)[:-1], n[1:] - c[:-1], (ca - n)[1:]


# Secondary structure from backbone hydrogen bonds, in three states, by the rules of DSSP (Kabsch & Sander 1983).
#
# A hydrogen bond from C=O of residue i to N-H of residue j has an electrostatic energy below -0.5 kcal/mol:
#
#     E = 0.084 · 332 (1/r(ON) + 1/r(CH) − 1/r(OH) − 1/r(CN)), distances in ångström
#
# Two consecutive n-turns, bonds from i − 1 to i − 1 + n and from i to i + n with n of 3, 4 or 5, make residues i to i
# + n − 1 a helix. Bridges between two stretches of three residues make strands.

HELIX, STRAND, COIL = STATES = "HE-"
"""Helix (α, 3-10 and π; DSSP's H, G, I), strand (E, B), and all else."""
STRENGTH = 0.084 * 332
"""Product of the partial charges and the unit factor, kcal/mol · Å."""
STRONGEST_FREE = -0.5
"""Energy below which a hydrogen bond is assigned, kcal/mol."""
SHORTEST_DISTANCE = 0.5
"""Shorter distances, of atoms that clash, count as this, as in DSSP."""
FURTHEST_CA = 9.0
"""Distance of two CA beyond which residues have no hydrogen bond, as in DSSP."""


class StateRun(NamedTuple):
    """Successive residues of one state: start to stop - 1."""

    state: str
    start: int
    stop: int


def runs(states: str) -> list[StateRun]:
    """The runs of equal states, in order.

    Examples
    --------
    >>> [tuple(run) for run in runs("--HHE")]
    [('-', 0, 2), ('H', 2, 4), ('E', 4, 5)]
    """
    found: list[StateRun] = []
    for state, group in groupby(states):
        start = found[-1].stop if found else 0
        found.append(StateRun(state, start, start + len(list(group))))
    return found


def secondary_structure(coordinates: Float[np.ndarray, "residue 4 3"]) -> str:
    """Secondary structure of a backbone, one letter for each residue.

    Helices come before strands where a residue has both. Prolines count as donors of hydrogen bonds, since no sequence
    is given. Of DSSP's rules, that of β bulges is left out, so that 2% of native residues are "-" instead of "E".

    Parameters
    ----------
    coordinates : array [residue, 4, 3]
        Positions of N, CA, C and O, in ångström, finite.

    Returns
    -------
    str
        "H" for a helix (α, 3-10, π), "E" for a strand or an isolated bridge, "-" for all else.

    References
    ----------
    Kabsch and Sander 1983, Dictionary of protein secondary structure, Biopolymers 22.

    Examples
    --------
    >>> import numpy as np
    >>> from sciencegen.domains.proteins.backbones.geometry import backbone_of
    >>> secondary_structure(backbone_of(np.full(12, -57.0), np.full(12, -47.0)))
    '-HHHHHHHHHH-'
    """
    bonds = hydrogen_bonds(coordinates)
    helix, strand = _helices(bonds), _strands(bonds)
    return "".join(np.where(helix, HELIX, np.where(strand, STRAND, COIL)))


def hydrogen_bonds(coordinates: Float[np.ndarray, "residue 4 3"]) -> Bool[np.ndarray, "acceptor donor"]:
    """Whether the C=O of one residue and the N-H of another have a hydrogen bond.

    The first residue, and one after a chain break, has no hydrogen at N and is no donor. Residues do not bond to
    themselves or to the N-H of the next two.
    """
    n, ca, c, o = np.moveaxis(np.asarray(coordinates, np.float64), 1, 0)
    found = np.zeros((len(ca), len(ca)), bool)
    if len(ca) < 2:
        return found
    hydrogens = place_hydrogens(n, c, o)
    pairs = cKDTree(ca).query_pairs(FURTHEST_CA, output_type="ndarray")
    i, j = np.concatenate([pairs, pairs[:, ::-1]]).T  # acceptor, donor
    usable = (j < i) | (j > i + 2)
    i, j = i[usable], j[usable]
    h = hydrogens[j]
    energy = STRENGTH * (_inverse(o[i], n[j]) + _inverse(c[i], h) - _inverse(o[i], h) - _inverse(c[i], n[j]))
    found[i, j] = energy < STRONGEST_FREE  # False where there is no hydrogen and the energy is NaN
    return found


def _helices(bonds: Bool[np.ndarray, "residue residue"]) -> Bool[np.ndarray, " residue"]:
    """Residues in an α helix, or else in a 3-10 or π helix that overlaps with none."""
    alpha = _spread(_starts(bonds, 4), 4)
    found = alpha
    for n in (3, 5):
        overlaps = _spread(alpha[::-1], n)[::-1]  # of residues i to i + n − 1
        found = found | _spread(_starts(bonds, n) & ~overlaps, n)
    return found


def _starts(bonds: Bool[np.ndarray, "residue residue"], n: int) -> Bool[np.ndarray, " residue"]:
    """Residues i with n-turns at i − 1 and i."""
    found = np.zeros(len(bonds), bool)
    turns = np.diagonal(bonds, n) if n < len(bonds) else found[:0]
    found[1 : len(turns)] = turns[:-1] & turns[1:]
    return found


def _spread(starts: Bool[np.ndarray, " residue"], n: int) -> Bool[np.ndarray, " residue"]:
    """Residues i to i + n − 1 for each start i."""
    found = starts.copy()
    for step in range(1, min(n, len(starts))):
        found[step:] |= starts[: len(starts) - step]
    return found


def _strands(bonds: Bool[np.ndarray, "residue residue"]) -> Bool[np.ndarray, " residue"]:
    """Residues i with a bridge to any j; |i − j| ≥ 3, so that their stretches of three residues do not overlap."""
    size = len(bonds)
    found = np.zeros(size, bool)
    if size < 5:
        return found

    def at(first: int, second: int) -> np.ndarray:
        """Bonds [i + first, j + second] for inner residues i and j."""
        return bonds[1 + first : size - 1 + first, 1 + second : size - 1 + second]

    parallel = at(-1, 0) & at(0, 1).T
    antiparallel = (at(0, 0) & at(0, 0).T) | (at(-1, 1) & at(-1, 1).T)
    bridge = parallel | parallel.T | antiparallel
    inner = np.arange(size - 2)
    bridge &= abs(inner[:, None] - inner) >= 3
    found[1:-1] = bridge.any(1)
    return found


def _inverse(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return 1 / np.maximum(np.linalg.norm(first - second, axis=-1), SHORTEST_DISTANCE)


def longest_coil(states: str) -> int:
    """Length of the longest run of residues in neither helix nor strand."""
    return max((run.stop - run.start for run in runs(states) if run.state == COIL), default=0)


# Handedness of helices. In nature nearly all are right-handed; distances alone do not tell mirror images apart.

TURN = 4
"""Number of successive CA in a turn; an α helix's dihedral is +50 degrees, its mirror image's -50."""


class Handedness(NamedTuple):
    """Number of right-handed turns, and of all turns of helices."""

    right: int
    total: int

    @property
    def share(self) -> float:
        """Share of right-handed turns; NaN without a helix."""
        return self.right / self.total if self.total else float("nan")


def helix_handedness(coordinates: Coordinates, states: str | None = None) -> Handedness:
    """Handedness of the turns, four successive CA, inside a backbone's helices.

    states: secondary structure, as of `secondary_structure`, if it is known already.

    Examples
    --------
    >>> import numpy as np
    >>> from sciencegen.domains.proteins.backbones.geometry import backbone_of
    >>> helix = backbone_of(np.full(12, -57.0), np.full(12, -47.0))
    >>> helix_handedness(helix), helix_handedness(-helix)
    (Handedness(right=7, total=7), Handedness(right=0, total=7))
    """
    assigned = secondary_structure(coordinates) if states is None else states
    helices = [run for run in runs(assigned) if run.state == HELIX]
    starts = np.array([start for run in helices for start in range(run.start, run.stop - TURN + 1)], int)
    if not len(starts):
        return Handedness(0, 0)
    ca = np.asarray(coordinates)[:, 1]
    turned = dihedrals(ca[starts[:, None] + np.arange(TURN)])
    return Handedness(int((turned > 0).sum()), len(turned))
