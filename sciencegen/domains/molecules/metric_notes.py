"""Meaning of each distribution metric, and published values for comparison.

References: MOSES benchmark (Polykovskiy et al. 2020), 30,000 samples against the test set; means over three runs.
"""

from __future__ import annotations

from sciencegen.domains.capabilities import MetricNote

METRIC_NOTES: dict[str, MetricNote] = {
    "valid": MetricNote(
        "share of draws that are molecules; any SELFIES string is", "maximize", {"CharRNN": 0.975, "VAE": 0.977}
    ),
    "unique@1k": MetricNote("distinct among the first 1,000", "maximize", {"CharRNN": 1.0, "VAE": 1.0}),
    "unique@10k": MetricNote("distinct among the first 10,000", "maximize", {"CharRNN": 0.999, "VAE": 0.998}),
    "novelty": MetricNote("distinct ones that the training set lacks", "maximize", {"CharRNN": 0.842, "VAE": 0.695}),
    "fcd": MetricNote(
        "Fréchet distance of ChemNet activations; it falls with the number of samples, published values have 30,000",
        "minimize",
        {"CharRNN": 0.073, "VAE": 0.099},
    ),
    "snn": MetricNote("mean similarity to the nearest held-out molecule", None, {"CharRNN": 0.602, "VAE": 0.626}),
    "fragment_similarity": MetricNote("cosine of BRICS fragment counts", "maximize", {"CharRNN": 1.0, "VAE": 0.999}),
    "scaffold_similarity": MetricNote(
        "cosine of Bemis-Murcko scaffold counts", "maximize", {"CharRNN": 0.924, "VAE": 0.939}
    ),
    "internal_diversity": MetricNote("mean distance between two samples", "maximize", {"CharRNN": 0.856, "VAE": 0.856}),
    "filters": MetricNote(
        "share that passes the medicinal chemistry filters", "maximize", {"CharRNN": 0.994, "VAE": 0.997}
    ),
}

STRUCTURE_NOTES: dict[str, MetricNote] = {
    "stable_atoms": MetricNote(
        "share of atoms with the bonds that their element has, by EDM's bond lengths", "maximize"
    ),
    "stable_molecules": MetricNote("share of samples whose atoms are all stable", "maximize"),
    "valid": MetricNote("share of samples whose distances speak of bonds that make a molecule", "maximize"),
    "connected": MetricNote("share of samples that are valid and in one piece", "maximize"),
    "unique": MetricNote("distinct among the connected", "maximize"),
    "novelty": MetricNote("distinct ones that the training set lacks", "maximize"),
    "posebusters": MetricNote("share that passes each of PoseBusters' checks", "maximize"),
    "lengths": MetricNote("distance between distributions of bond lengths", "minimize"),
    "angles": MetricNote("distance between distributions of angles", "minimize"),
    "dihedrals": MetricNote("distance between distributions of dihedral angles", "minimize"),
    "covered": MetricNote(
        "share of the reference's lengths, angles and dihedrals of a kind that the samples have", "maximize"
    ),
    "strain": MetricNote("median energy above the nearest minimum of the force field", "minimize"),
    "reference_strain": MetricNote("the same of the reference"),
}

METRIC_UNITS = {
    "lengths": "Å", "angles": "°", "dihedrals": "°", "strain": "kcal/mol", "reference_strain": "kcal/mol",
}  # fmt: skip
"""Metric -> unit, for both tables."""
