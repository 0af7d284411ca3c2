"""What each distribution metric means, and the published figures to hold it against.

References: MOSES benchmark (Polykovskiy et al. 2020), 30,000 samples against the test set; means over three runs.
"""

from __future__ import annotations

from sciencegen.scoring.oracles import Direction

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
