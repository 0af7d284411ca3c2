"""Recipes of protein models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from sciencegen.batch import Batch
from sciencegen.domains.likelihoods import LOG_LIKELIHOOD, likelihood_oracles
from sciencegen.domains.proteins import alignment_representation
from sciencegen.domains.proteins.aligned import MUTATIONS, WEIGHT
from sciencegen.domains.proteins.alignment_representation import AlignmentRepresentation
from sciencegen.domains.proteins.backbones import diffusion as backbone_models
from sciencegen.domains.proteins.backbones import representation as backbone_representation
from sciencegen.domains.proteins.backbones.tasks import TASKS
from sciencegen.domains.proteins.items import ALPHABET, GAP, encode_rows
from sciencegen.domains.proteins.variant_scores import FamilyScore, Mutations, variant_scorer
from sciencegen.domains.recipes import FamilyTraining, ModelOracles, Recipe, Remember
from sciencegen.scoring.oracles import Oracle
from sciencegen.vae.alignment_fitness import AdditiveFitness, WildTypeRow
from sciencegen.vae.alignment_vae import AlignmentVAE, AlignmentVAESettings

TRAINING = {"steps": 1500, "batch_size": 640, "learning_rate": 3e-3, "largest_gradient": 100.0, "ema_decay": 0.99}
"""128 rows per step for each of five members. Like the network's settings, they were chosen by the bound of held-out
groups of sequences of one family (`tests/benchmarks/variant_effects.py --held-out`), without any measurements."""

EXPLAINED = "measured_variance_explained"
"""Explained share of the variance of held-out measured variants, predicted from the others and the family."""


def alignment_vae(representation: AlignmentRepresentation, settings: AlignmentVAESettings) -> AlignmentVAE:
    """Several VAEs of aligned rows, conditioned on measured values; a requested number of mutations guides sampling
    instead."""
    focus = torch.from_numpy(encode_rows([representation.focus])[0].astype(np.int64))
    names, reference = representation.properties, None
    if MUTATIONS in names:
        place = names.index(MUTATIONS)
        reference = WildTypeRow(focus, place, float(representation.mean[place]), float(representation.std[place]))
    measured = "" if settings.semi_supervised and not representation.family else representation.measured
    inputs = [place for place, name in enumerate(names) if name not in (MUTATIONS, measured)]
    landscape = AdditiveFitness(focus, len(ALPHABET), names.index(measured)) if measured else None
    return AlignmentVAE(len(focus), len(ALPHABET), settings, reference, inputs, landscape)


def model_oracles(
    model: AlignmentVAE, representation: AlignmentRepresentation, remember: Remember
) -> Mapping[str, Oracle]:
    """`family_score` of a variant, with an interval of one standard deviation of the members, `mutations`, and a lower
    bound of log p of an aligned row, without gaps, by the mixture of members."""

    def bound(batch: Batch) -> Tensor:
        members = model.evidence(batch, importance=True)
        return torch.logsumexp(members, 0) - np.log(len(members))

    scores = {"family_score": FamilyScore(model, representation)} if representation.family else {}
    likelihoods = likelihood_oracles(model, representation, bound)
    return {**scores, MUTATIONS: Mutations(representation), **likelihoods}


def check(
    model: AlignmentVAE, representation: AlignmentRepresentation, arrays: Sequence[np.ndarray]
) -> Mapping[str, float]:
    """Bounds of -log p in nats per residue: mean over members, and of the mixture of members."""
    batch = representation.batch(arrays)
    evidence = model.evidence(batch, samples=16)
    residues = sum(int((row != GAP).sum()) for row in arrays)
    mixture = torch.logsumexp(evidence, 0) - np.log(len(evidence))
    found = {
        "nats_per_residue": float(-evidence.mean(0).sum() / residues),
        "mixture_nats_per_residue": float(-mixture.sum() / residues),
    }
    return found if model.landscape is None else found | {EXPLAINED: float(model.landscape.explained)}


RECIPES = {
    "alignment-vae": Recipe(
        name="alignment-vae",
        fit=alignment_representation.fit,
        load_representation=alignment_representation.load,
        build=alignment_vae,
        settings=AlignmentVAESettings,
        conditions=(MUTATIONS,),
        description="VAEs of one family's alignment, perhaps with measured variants beside it, or of such alone; "
        "Bayesian last layer: effects of mutations, new members.",
        form="aligned",
        check=check,
        family=FamilyTraining(scorer=variant_scorer, weight=WEIGHT, columns=(WEIGHT,)),
        oracles=ModelOracles(
            make=model_oracles,
            names=("family_score", MUTATIONS, LOG_LIKELIHOOD),
            on_request=(LOG_LIKELIHOOD,),
            inform_predictors=True,
        ),
        training=TRAINING,
    ),
    "backbone-diffusion": Recipe(
        name="backbone-diffusion",
        fit=backbone_representation.fit,
        load_representation=backbone_representation.load,
        build=backbone_models.backbone_diffusion,
        settings=backbone_models.BackboneDiffusionSettings,
        conditions=backbone_models.CONDITIONS,
        description="Diffusion of backbones; noise like a folded polymer, SE(3)-equivariant network of residues.",
        form="structures",
        check=backbone_models.check,
        training=backbone_models.TRAINING,
        cpu_rows=backbone_models.CPU_ROWS,
        tasks=TASKS,
    ),
}
