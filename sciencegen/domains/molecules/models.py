"""Recipes of molecule models, with their networks and settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from sciencegen.batch import Batch
from sciencegen.diffusion.latent_prior import DiffusionPrior
from sciencegen.diffusion.vectors import VectorDiffusionSettings
from sciencegen.domains.likelihoods import LOG_LIKELIHOOD, likelihood_oracles
from sciencegen.domains.molecules import (
    conformers,
    geometry_representation,
    joint,
    representations,
    smiles_representation,
)
from sciencegen.domains.molecules.properties import PROPERTIES, measure
from sciencegen.domains.molecules.representations import SelfiesRepresentation
from sciencegen.domains.molecules.smiles_representation import SmilesRepresentation
from sciencegen.domains.molecules.tasks import TASKS
from sciencegen.domains.recipes import Adaptation, ModelOracles, Recipe, Remember, Representation
from sciencegen.items import Refusal
from sciencegen.scoring.oracles import Oracle
from sciencegen.vae.flow_prior import FlowPrior
from sciencegen.vae.sequences.latent_prior_settings import LatentPriorVAESettings
from sciencegen.vae.sequences.latent_prior_vae import LatentPriorVAE
from sciencegen.vae.sequences.sequence_vae import SequenceVAE, SequenceVAESettings
from sciencegen.vae.warmup import Warmup

CONDITIONS = ("logp", "qed", "sa", "tpsa", "mw", "hbd", "hba", "rotatable_bonds", "rings")
"""Default conditions."""


def selfies_vae(representation: SelfiesRepresentation, settings: SequenceVAESettings) -> SequenceVAE:
    """A VAE: transformer encoder, 64 latent dimensions, flow prior, recurrent decoder of groups of SELFIES symbols."""
    return SequenceVAE(len(representation.vocabulary), len(representation.properties), settings)


def smiles_vae(representation: SmilesRepresentation, settings: LatentPriorVAESettings) -> LatentPriorVAE:
    """A VAE whose decoder reads the latent alone, with a flow or a diffusion as the prior of latents."""
    count, prior = len(representation.properties), None
    if settings.latent_prior == "diffusion":
        network = VectorDiffusionSettings(settings.prior_width, settings.prior_layers)
        prior = DiffusionPrior(settings.code, count, network)

    def measured(batch: Batch, columns: Sequence[int]) -> Tensor:
        """[row property], standardized; NaN where not measured, infinite where a row is no molecule."""
        items = representation.decode(batch)
        names = {representation.properties[column]: column for column in columns}
        known = [name for name in names if name in PROPERTIES]
        values = np.full((len(items), count), np.nan)
        molecules = {row: item for row, item in enumerate(items) if not isinstance(item, Refusal)}
        values[[row for row in range(len(items)) if row not in molecules]] = np.inf
        if known and molecules:
            places = np.ix_(list(molecules), [names[name] for name in known])
            values[places] = measure(list(molecules.values()), known)
        return torch.from_numpy(representation.standardization.rows(values)).to(batch["tokens"].device)

    return LatentPriorVAE(len(representation.vocabulary), count, settings, prior, measured)


def sequence_oracles(
    model: SequenceVAE, representation: SelfiesRepresentation, remember: Remember
) -> Mapping[str, Oracle]:
    """Oracles of the exact log p of a molecule's tokens in canonical order, by the decoder without a latent."""
    return likelihood_oracles(model, representation, model.log_prob)


def latent_oracles(
    model: LatentPriorVAE, representation: SmilesRepresentation, remember: Remember
) -> Mapping[str, Oracle]:
    """Oracles of a lower bound of log p of a molecule's canonical SMILES."""
    return likelihood_oracles(model, representation, model.bound)


def adapt_selfies_vae(
    model: SequenceVAE, old: SelfiesRepresentation, new: SelfiesRepresentation, settings: SequenceVAESettings, seed: int
) -> SequenceVAE:
    """A model for the new representation that starts from the trained one.

    New tokens are at the end of the vocabulary. Properties are matched by name: input weights of a shared property are
    kept, those of a new one start at zero. Before training the model is thus equal to the old one, except for the
    effect of properties that were removed.
    """
    torch.manual_seed(seed)
    adapted = selfies_vae(new, settings)
    _carry(model, adapted, old, new, LANGUAGE_MODEL)
    return adapted


def adapt_smiles_vae(
    model: LatentPriorVAE,
    old: SmilesRepresentation,
    new: SmilesRepresentation,
    settings: LatentPriorVAESettings,
    seed: int,
) -> LatentPriorVAE:
    """A model for the new representation that starts from the trained one, as `adapt_selfies_vae` does.

    The weight of its KL divergence is that at the end of the old training.
    """
    torch.manual_seed(seed)
    adapted = smiles_vae(new, replace(settings, beta=Warmup(end=settings.beta.end)))
    _carry(model, adapted, old, new, LATENT_PRIOR)
    return adapted.starting_from(model)


@dataclass(frozen=True)
class Roles:
    """Names of a model's weights. reads: those whose last columns are [property, property given or missing]. writes:
    those with a row for each property. scores: those with a row for each token's logit."""

    reads: frozenset[str]
    writes: frozenset[str]
    scores: frozenset[str]


LANGUAGE_MODEL = Roles(
    frozenset(
        {
            "condition.hidden.0.weight",
            "prior.context.hidden.0.weight",
            "decoder.recurrent.weight_ih_l0",
            "decoder.output.0.weight",
        }
    ),
    frozenset(
        {
            "properties.output.weight",
            "properties.output.bias",
            "reader.output.output.weight",
            "reader.output.output.bias",
        }
    ),
    frozenset({"decoder.output.2.weight", "decoder.output.2.bias"}),
)
LATENT_PRIOR = Roles(
    frozenset({"prior.context.hidden.0.weight", "prior.model.network.known.weight"}),
    frozenset({"properties.output.weight", "properties.output.bias"}),
    frozenset(),
)


def _carry(model: nn.Module, adapted: nn.Module, old: Representation, new: Representation, roles: Roles) -> None:
    """Copy the weights of a trained model to one with other properties and, at its end, a bigger vocabulary."""
    columns = [old.properties.index(name) if name in old.properties else None for name in new.properties]
    trained, state = model.state_dict(), adapted.state_dict()
    for name, value in state.items():
        if name in trained:  # a flow without properties has no network that reads them
            value.copy_(_carried(name, trained[name], value, columns, len(old.properties), roles))
    adapted.load_state_dict(state)
    before, now = model.prior, adapted.prior
    if isinstance(before, FlowPrior) and isinstance(now, FlowPrior) and before.reader and not now.reader:
        now.start_unconditional(before)


def _carried(
    name: str, trained: Tensor, fresh: Tensor, columns: list[int | None], old_count: int, roles: Roles
) -> Tensor:
    if name in roles.reads:
        both = [*columns, *(None if column is None else column + old_count for column in columns)]
        other = trained.shape[1] - 2 * old_count  # other inputs come before the columns of the condition
        read = [torch.zeros_like(fresh[:, 0]) if c is None else trained[:, other + c] for c in both]
        return torch.cat([trained[:, :other], *(column[:, None] for column in read)], 1)
    if name in roles.writes:
        return torch.cat([fresh[:0], *((fresh[i] if c is None else trained[c])[None] for i, c in enumerate(columns))])
    if trained.shape == fresh.shape:
        return trained
    if len(trained) == len(fresh):  # of a flow's coupling, whose last inputs are those of the condition, if any
        return functional.pad(trained, (0, fresh.shape[1] - trained.shape[1]))
    added = fresh[len(trained) :]  # a bigger vocabulary
    if name in roles.scores:  # logits have no zero point: random rows would make new tokens the likeliest of all
        added = trained.mean(0).expand_as(added)
    return torch.cat([trained, added])


RECIPES = {
    "smiles-vae": Recipe(
        name="smiles-vae",
        fit=smiles_representation.fit,
        load_representation=smiles_representation.load,
        build=smiles_vae,
        settings=LatentPriorVAESettings,
        conditions=CONDITIONS,
        adaptation=Adaptation(
            adapt_representation=smiles_representation.adapt,
            adapt=adapt_smiles_vae,
            settings=frozenset({"share", "spread"}),
            training={"learning_rate": 5e-4, "ema_decay": 0.99},
        ),
        latent_alone=True,
        tasks=TASKS,
        description="VAE over SMILES whose latent carries the whole molecule; a flow or diffusion prior of latents.",
        oracles=ModelOracles(make=latent_oracles, names=(LOG_LIKELIHOOD,), on_request=(LOG_LIKELIHOOD,)),
    ),
    "selfies-vae": Recipe(
        name="selfies-vae",
        fit=representations.fit,
        load_representation=representations.load,
        build=selfies_vae,
        settings=SequenceVAESettings,
        conditions=CONDITIONS,
        language_model=True,
        tasks=TASKS,
        adaptation=Adaptation(adapt_representation=representations.adapt, adapt=adapt_selfies_vae),
        description="Conditional VAE over SELFIES groups: lossless codes, flow prior, autoregressive decoder.",
        oracles=ModelOracles(make=sequence_oracles, names=(LOG_LIKELIHOOD,), on_request=(LOG_LIKELIHOOD,)),
    ),
    "conformers": Recipe(
        name="conformers",
        fit=geometry_representation.fit,
        load_representation=geometry_representation.load,
        build=conformers.conformers,
        settings=conformers.ConformerSettings,
        conditions=None,
        description="Diffusion of the coordinates of given molecules; equivariant network over pairs of atoms.",
        form="structures",
        check=conformers.check,
        completes=True,
    ),
    "joint": Recipe(
        name="joint",
        fit=geometry_representation.fit,
        load_representation=geometry_representation.load,
        build=joint.joint,
        settings=joint.JointSettings,
        conditions=(),
        description="Diffusion of positions, atom types, charges and bonds together; molecules in 3D from nothing.",
        form="structures",
        check=joint.check,
    ),
}
