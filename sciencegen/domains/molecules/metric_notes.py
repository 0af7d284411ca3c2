"""What each distribution metric means, and the published figures to hold it against.

References: MOSES benchmark (Polykovskiy et al. 2020), 30,000 samples against the test set; means over three runs.
"""

from __future__ import annotations

from sciencegen.items import Direction

METRIC_NOTES: dict[str, tuple[str, Direction | None, dict[str, float]]] = {
    "valid": ("share of draws that are molecules; any SELFIES string is", "maximize", {"CharRNN": 0.975, "VAE": 0.977}),
    "unique@1k": ("distinct among the first 1,000", "maximize", {"CharRNN": 1.0, "VAE": 1.0}),
    "unique@10k": ("distinct among the first 10,000", "maximize", {"CharRNN": 0.999, "VAE": 0.998}),
    "novelty": ("distinct ones that the training set lacks", "maximize", {"CharRNN": 0.842, "VAE": 0.695}),
    "fcd": ("Fréchet distance of ChemNet activations", "minimize", {"CharRNN": 0.073, "VAE": 0.099}),
    "snn": ("mean similarity to the nearest held-out molecule", None, {"CharRNN": 0.602, "VAE": 0.626}),
    "fragment_similarity": ("cosine of BRICS fragment counts", "maximize", {"CharRNN": 1.0, "VAE": 0.999}),
    "scaffold_similarity": ("cosine of Bemis-Murcko scaffold counts", "maximize", {"CharRNN": 0.924, "VAE": 0.939}),
    "internal_diversity": ("mean distance between two samples", "maximize", {"CharRNN": 0.856, "VAE": 0.856}),
    "filters": ("share that passes the medicinal chemistry filters", "maximize", {"CharRNN": 0.994, "VAE": 0.997}),
}

STRUCTURE_NOTES: dict[str, tuple[str, Direction | None, dict[str, float]]] = {
    "stable_atoms": ("share of atoms with the bonds that their element has, by EDM's bond lengths", "maximize", {}),
    "stable_molecules": ("share of samples whose atoms are all stable", "maximize", {}),
    "valid": ("share of samples whose distances speak of bonds that make a molecule", "maximize", {}),
    "connected": ("share of samples that are valid and in one piece", "maximize", {}),
    "unique": ("distinct among the connected", "maximize", {}),
    "novelty": ("distinct ones that the training set lacks", "maximize", {}),
    "posebusters": ("share that passes each of PoseBusters' checks", "maximize", {}),
    "lengths": ("distance between distributions of bond lengths", "minimize", {}),
    "angles": ("distance between distributions of angles", "minimize", {}),
    "dihedrals": ("distance between distributions of dihedral angles", "minimize", {}),
    "covered": (
        "share of the reference's lengths, angles and dihedrals of a kind that the samples have",
        "maximize",
        {},
    ),
    "strain": ("median energy above the nearest minimum of the force field", "minimize", {}),
    "reference_strain": ("the same of the reference", None, {}),
}
