"""Recipes of molecule models, with their networks and settings."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from zlib import crc32

import numpy as np
import torch
from jaxtyping import Float
from rdkit import Chem
from torch import Tensor, nn
from torch.nn import functional

from sciencegen.batch import Batch
from sciencegen.diffusion.vectors import DiffusionPrior, VectorDiffusionSettings
from sciencegen.domains.capabilities import DrawTask, DrawTasks, TaskSettings
from sciencegen.domains.likelihoods import LOG_LIKELIHOOD, likelihood_oracles
from sciencegen.domains.molecules import DOMAIN as MOLECULES
from sciencegen.domains.molecules import geometry_models, representations, smiles_representation
from sciencegen.domains.molecules.items import key, parse
from sciencegen.domains.molecules.patterns import Core, read_cores
from sciencegen.domains.molecules.properties import PROPERTIES, measure
from sciencegen.domains.molecules.representations import SelfiesRepresentation, TokenRepresentation
from sciencegen.domains.molecules.smiles_representation import SmilesRepresentation
from sciencegen.domains.recipes import Adaptation, ModelOracles, Recipe, Representation
from sciencegen.errors import DataError
from sciencegen.items import Refusal
from sciencegen.latent.space import LatentModel
from sciencegen.vae.autoregressive import END, shift
from sciencegen.vae.bounds import Warmup
from sciencegen.vae.flows import FlowPrior
from sciencegen.vae.latent_prior_vae import LatentPriorVAE, LatentPriorVAESettings
from sciencegen.vae.sequence_vae import SequenceVAE, SequenceVAESettings

# What else models of molecules draw: molecules that hold a core, and variations of given ones.

TRIES = 8
"""Draws of the model for each one around a core; linkers fit in one of eight."""
TRIED = 100
"""Molecules to vary that are decoded again, to say how many come back."""
LEVEL = 0.4
"""Default noise level of variations."""
BOUND_SAMPLES = 16
"""Latents by which log p of a molecule's SMILES is bounded."""
Molecule = Chem.Mol | Refusal


@dataclass(frozen=True, eq=False)
class CoreTask:
    """Molecules that hold one of the cores; the other parts are cut from draws of the model."""

    model: LatentModel
    representation: TokenRepresentation
    cores: Sequence[Core]

    def draw(self, noise: Float[Tensor, "batch latent"], condition: Tensor | None = None) -> Batch:
        """Each row tries several draws of the model until one has parts that fit.

        The condition is not used: it is about whole molecules, and draws are checked for it anyway.
        """
        made: list[Molecule] = [Refusal("not drawn")] * len(noise)
        for attempt in range(TRIES):
            rows = [row for row, one in enumerate(made) if isinstance(one, Refusal)]
            if not rows:
                break
            own = shift(noise[rows], attempt)
            sources = self.representation.decode(self.model.generate(own).to("cpu"))
            for row, source, numbers in zip(rows, sources, own.cpu(), strict=True):
                made[row] = self._joined(source, numbers)
        return encoded(self.representation, made)

    def _joined(self, source: Molecule, noise: Float[Tensor, " latent"]) -> Molecule:
        if isinstance(source, Refusal):
            return source
        generator = generator_of(noise)
        return self.cores[int(generator.integers(len(self.cores)))].joined(source, generator)


@dataclass(frozen=True, eq=False)
class VariationTask:
    """Molecules near given ones: sqrt(1 - r^2) e + r noise, with their latents e. known: keys of the given ones."""

    model: LatentModel
    representation: TokenRepresentation
    latents: Float[Tensor, "item latent"]
    known: frozenset[str]
    level: float

    def draw(self, noise: Float[Tensor, "batch latent"], condition: Tensor | None = None) -> Batch:
        """Each row varies one of the molecules. The condition is not used, as in `CoreTask`."""
        chosen = [int(generator_of(row).integers(len(self.latents))) for row in noise.cpu()]
        moved = (1 - self.level**2) ** 0.5 * self.latents[chosen].to(noise) + self.level * noise
        return encoded(self.representation, self.representation.decode(self.model.decode(moved).to("cpu")))


def generator_of(noise: Float[Tensor, " latent"]) -> np.random.Generator:
    """Random numbers that follow from a row of noise."""
    return np.random.default_rng(crc32(noise.numpy().tobytes()))


def encoded(representation: TokenRepresentation, molecules: Sequence[Molecule]) -> Batch:
    """Molecules as rows of tokens; a row without any for refusals."""
    nothing = np.array([END], np.int16)
    kept = [one for one in molecules if not isinstance(one, Refusal)]
    arrays: Iterator[np.ndarray | Refusal] = iter(representation.encode(kept))
    rows = [nothing if isinstance(one, Refusal) else next(arrays) for one in molecules]
    return representation.batch([nothing if isinstance(row, Refusal) else row for row in rows])


def resolve(model: LatentModel, representation: TokenRepresentation, settings: TaskSettings) -> DrawTask:
    """The one task of the settings."""
    if settings.core is not None:
        return CoreTask(model, representation, read_cores(settings.core))
    items = read_given(str(settings.vary))
    arrays: list[np.ndarray] = []
    for item, array in zip(items, representation.encode(items), strict=True):
        if isinstance(array, Refusal):
            raise DataError(
                f"Expected molecules to `vary` that the model reads, got {Chem.MolToSmiles(item)}: {array.reason}."
            )
        arrays.append(array)
    level = LEVEL if settings.noise_level is None else settings.noise_level
    device = next(model.parameters()).device
    with torch.inference_mode():
        latents = model.encode(representation.batch(arrays).to(device)).cpu()
        reconstructed = representation.decode(model.decode(latents[:TRIED].to(device)).to("cpu"))
    _warn_of_lost(items, reconstructed)
    return VariationTask(model, representation, latents, frozenset(map(key, items)), level)


def _warn_of_lost(items: Sequence[Chem.Mol], reconstructed: Sequence[Molecule]) -> None:
    """Warn of molecules that are not reconstructed from their latents. reconstructed: from those of the first items."""
    pairs = list(zip(items, reconstructed, strict=False))
    which = f"{len(items)}" if len(pairs) == len(items) else f"the first {len(pairs)}"
    lost = [(one, other) for one, other in pairs if isinstance(other, Refusal) or key(other) != key(one)]
    if lost:
        one, other = lost[0]
        text = "no molecule" if isinstance(other, Refusal) else Chem.MolToSmiles(other)
        warnings.warn(
            f"{len(lost)} of {which} molecules to vary are not reconstructed from their latents: the latent of "
            f"{Chem.MolToSmiles(one)} decodes to {text}, and draws are variations of that. `core`, and `optimize` with "
            "a goal `similarity to`, need no reconstruction.",
            stacklevel=1,
        )


def check(settings: TaskSettings) -> None:
    """Raise an error for a core, or molecules to vary, that can't be read."""
    if settings.core is not None:
        read_cores(settings.core)
    elif settings.vary is not None:
        read_given(settings.vary)


def read_given(source: str) -> list[Chem.Mol]:
    """All molecules of a file, or that of a text."""
    if source.lower().endswith(MOLECULES.items.formats) and not Path(source).is_file():
        raise DataError(f"Expected molecules to `vary`, found no file '{source}'.")
    items = [parse(text) for text in MOLECULES.items.texts_in(source)]
    if refused := next((one for one in items if isinstance(one, Refusal)), None):
        raise DataError(f"Expected molecules to `vary`, got '{source}', with one that can't be read: {refused.reason}.")
    if not items:
        raise DataError(f"Expected molecules to `vary` in {source}, found none.")
    return [item for item in items if not isinstance(item, Refusal)]


TASKS = DrawTasks(settings=frozenset({"core", "vary", "noise_level"}), resolve=resolve, check=check)

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
        oracles=ModelOracles(
            make=lambda model, representation, remember: likelihood_oracles(
                model, representation, partial(model.bound, importance_samples=BOUND_SAMPLES)
            ),
            names=(LOG_LIKELIHOOD,),
            on_request=(LOG_LIKELIHOOD,),
        ),
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
        oracles=ModelOracles(
            make=lambda model, representation, remember: likelihood_oracles(model, representation, model.log_prob),
            names=(LOG_LIKELIHOOD,),
            on_request=(LOG_LIKELIHOOD,),
        ),
    ),
    "conformers": Recipe(
        name="conformers",
        fit=geometry_models.fit,
        load_representation=geometry_models.load,
        build=geometry_models.conformers,
        settings=geometry_models.ConformerSettings,
        conditions=None,
        description="Diffusion of the coordinates of given molecules; equivariant network over pairs of atoms.",
        form="structures",
        check=geometry_models.conformer_figures,
        completes=True,
    ),
    "joint": Recipe(
        name="joint",
        fit=geometry_models.fit,
        load_representation=geometry_models.load,
        build=geometry_models.joint,
        settings=geometry_models.JointSettings,
        conditions=(),
        description="Diffusion of positions, atom types, charges and bonds together; molecules in 3D from nothing.",
        form="structures",
        check=geometry_models.joint_figures,
    ),
}
