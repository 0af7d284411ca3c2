"""Recipes of protein models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from sciencegen.domains.base import Recipe
from sciencegen.domains.proteins import alignment_representation
from sciencegen.domains.proteins.alignment_representation import AlignmentRepresentation
from sciencegen.domains.proteins.items import ALPHABET, GAP, encode_rows
from sciencegen.domains.proteins.measured_variants import MUTATIONS, WEIGHT
from sciencegen.domains.proteins.variant_scores import family_oracles, variant_scorer
from sciencegen.vae.columns import ColumnVAE, ColumnVAESettings, Reference

TRAINING = {"steps": 1500, "batch_size": 640, "learning_rate": 3e-3, "largest_gradient": 100.0, "ema_decay": 0.99}
"""128 rows a step for each of five members. Chosen, as the network's settings, by the bound of held-out groups of
sequences of one family (`tests/benchmarks/variant_effects.py --held-out`), no measurement having been read."""


def alignment_vae(representation: AlignmentRepresentation, settings: ColumnVAESettings) -> ColumnVAE:
    """Several VAEs of aligned rows, which are told what was measured of each; the number of mutations is what draws
    are led to."""
    focus = torch.from_numpy(encode_rows([representation.focus])[0].astype(np.int64))
    names, reference = representation.properties, None
    if MUTATIONS in names:
        place = names.index(MUTATIONS)
        reference = Reference(focus, place, float(representation.mean[place]), float(representation.std[place]))
    heard = [place for place, name in enumerate(names) if name != MUTATIONS]
    return ColumnVAE(len(focus), len(ALPHABET), settings, reference, heard)


def check(
    model: ColumnVAE, representation: AlignmentRepresentation, arrays: Sequence[np.ndarray]
) -> Mapping[str, float]:
    """Bounds of -log p in nats a residue, of the members' mean and of the mixture of the members."""
    batch = representation.batch(arrays)
    evidence = model.evidence(batch, samples=16)
    residues = sum(int((row != GAP).sum()) for row in arrays)
    mixture = torch.logsumexp(evidence, 0) - np.log(len(evidence))
    return {
        "nats_per_residue": float(-evidence.mean(0).sum() / residues),
        "mixture_nats_per_residue": float(-mixture.sum() / residues),
    }


RECIPES = {
    "alignment-vae": Recipe(
        name="alignment-vae",
        fit=alignment_representation.fit,
        load_representation=alignment_representation.load,
        build=alignment_vae,
        settings=ColumnVAESettings,
        conditions=(MUTATIONS,),
        description="VAEs of one family's alignment, or of measured variants of one protein; Bayesian last layer: "
        "effects of mutations, new members.",
        form="aligned",
        check=check,
        weight=WEIGHT,
        columns=(WEIGHT,),
        contextual=True,
        variants=variant_scorer,
        oracles=family_oracles,
        knows=("family_score", MUTATIONS),
        training=TRAINING,
    ),
}
