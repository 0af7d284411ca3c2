"""Recipes of molecule models, with their networks and settings."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from zlib import crc32

import numpy as np
import torch
from jaxtyping import Float
from rdkit import Chem
from torch import Tensor, nn
from torch.nn import functional

from sciencegen.batch import Batch, text_batch
from sciencegen.domains.capabilities import DrawTask, DrawTasks, TaskSettings
from sciencegen.domains.likelihoods import LOG_LIKELIHOOD, likelihood_oracles
from sciencegen.domains.molecules import DOMAIN as MOLECULES
from sciencegen.domains.molecules import geometry_models, representations, smiles_representation
from sciencegen.domains.molecules.alerts import alert_catalog, familiar_beside
from sciencegen.domains.molecules.analogues import Lead, Window, same_atoms
from sciencegen.domains.molecules.items import MAX_CHARACTERS, key, parse, text
from sciencegen.domains.molecules.patterns import Core, KeptPattern, read_cores
from sciencegen.domains.molecules.properties import PROPERTIES, measure
from sciencegen.domains.molecules.representations import SelfiesRepresentation, TokenRepresentation
from sciencegen.domains.molecules.smiles_representation import SmilesRepresentation
from sciencegen.domains.recipes import Adaptation, ModelOracles, Recipe, Representation
from sciencegen.errors import ConfigError, DataError
from sciencegen.items import Cell, Refusal
from sciencegen.latent.diffusion_vae import diffusion_prior
from sciencegen.latent.space import LatentModel
from sciencegen.vae.autoregressive import shift
from sciencegen.vae.bounds import Warmup
from sciencegen.vae.flows import FlowPrior
from sciencegen.vae.latent_prior_vae import LatentPriorVAE, LatentPriorVAESettings
from sciencegen.vae.sequence_vae import SequenceVAE, SequenceVAESettings

# What else models of molecules draw: molecules that hold a core, and variations of given ones.

TRIES = 8
"""Draws of the model for each one around a core; linkers fit in one of eight."""
TRIED = 100
"""Molecules to vary that are decoded again, to say how many come back."""
WINDOW = (0.4, 0.8)
"""Default similarity of variations: the molecules that a chemist calls analogues."""
BY_STEP, BISECTIONS = 0.25, 5
"""Share of variations for which a step in the latent space is tried, and levels that are tried for each."""
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
        return texts(made)

    def _joined(self, source: Molecule, noise: Float[Tensor, " latent"]) -> Molecule:
        if isinstance(source, Refusal):
            return source
        generator = generator_of(noise)
        return self.cores[int(generator.integers(len(self.cores)))].joined(source, generator)


@dataclass(frozen=True, eq=False)
class VariationTask:
    """Molecules near given ones: by a step in the latent space from their latents e, sqrt(1 - r^2) e + r noise, of a
    given level r, or of the one at which a row's similarity is in a window; by changes of the molecule for the other
    rows, and where no step ends in the window.

    latents: of the leads. near: which of them the model gives back. level: None with a window.
    """

    model: LatentModel
    representation: TokenRepresentation
    leads: Sequence[Lead]
    latents: Float[Tensor, "lead latent"]
    near: Sequence[bool]
    window: Window
    level: float | None

    @property
    def known(self) -> frozenset[str]:
        return frozenset(key(lead.molecule) for lead in self.leads)

    @property
    def columns(self) -> tuple[str, ...]:
        return ("lead", "similarity") if len(self.leads) > 1 else ("similarity",)

    def cells(self, item: Chem.Mol) -> tuple[Cell, ...]:
        """Of several leads, the most similar one that has the item in its window, else the most similar one."""
        alike = [lead.similarity(item) for lead in self.leads]
        at = max(range(len(alike)), key=lambda one: (self.window[0] <= alike[one] <= self.window[1], alike[one]))
        named = [key(self.leads[at].molecule)] if len(alike) > 1 else []
        return (*named, float(f"{alike[at]:.6g}"))

    def draw(self, noise: Float[Tensor, "batch latent"], condition: Tensor | None = None) -> Batch:
        """Each row varies one of the molecules. The condition is not used, as in `CoreTask`."""
        generators = [generator_of(row) for row in noise.cpu()]
        chosen = [int(one.integers(len(self.leads))) for one in generators]
        if self.level is not None:
            return texts(self._moved(chosen, noise, [self.level] * len(chosen)))
        targets = [one.uniform(*self.window) for one in generators]
        by_step = [row for row, one in enumerate(generators) if one.random() < BY_STEP and self.near[chosen[row]]]
        made: dict[int, Molecule] = {**self._stepped(by_step, chosen, noise, targets)}
        for row, generator in enumerate(generators):
            if row not in made:
                made[row] = self.leads[chosen[row]].analogue(self.window, targets[row], generator)
        return texts([made[row] for row in range(len(noise))])

    def _stepped(
        self, rows: Sequence[int], chosen: Sequence[int], noise: Tensor, targets: Sequence[float]
    ) -> dict[int, Chem.Mol]:
        """Row -> molecule in the window, of the rows for which one is found by bisection of the level."""
        low, high, found = dict.fromkeys(rows, 0.0), dict.fromkeys(rows, 1.0), dict[int, Chem.Mol]()
        for _ in range(BISECTIONS):
            left = [row for row in rows if row not in found]
            if not left:
                break
            levels = [(low[row] + high[row]) / 2 for row in left]
            moved = self._moved([chosen[row] for row in left], noise[left], levels)
            for row, level, made in zip(left, levels, moved, strict=True):
                lead = self.leads[chosen[row]]
                similarity = 0.0 if isinstance(made, Refusal) else lead.similarity(made)
                if isinstance(made, Chem.Mol) and self.window[0] <= similarity <= self.window[1]:
                    whole = lead.finished(made, same_atoms(lead.molecule, made), self.window)
                    if isinstance(whole, Chem.Mol):
                        found[row] = whole
                        continue
                (low if similarity > targets[row] else high)[row] = level
        return found

    def _moved(self, chosen: Sequence[int], noise: Tensor, levels: Sequence[float]) -> list[Molecule]:
        level = torch.tensor(levels).to(noise)[:, None]
        moved = (1 - level**2) ** 0.5 * self.latents[list(chosen)].to(noise) + level * noise
        return self.representation.decode(self.model.decode(moved).to("cpu"))


def texts(molecules: Sequence[Molecule]) -> Batch:
    """Molecules as a batch of their SMILES; "" for refusals."""
    written = ["" if isinstance(one, Refusal) else text(one) for one in molecules]
    return text_batch([one if len(one) <= MAX_CHARACTERS else "" for one in written], MAX_CHARACTERS)


def generator_of(noise: Float[Tensor, " latent"]) -> np.random.Generator:
    """Random numbers that follow from a row of noise."""
    return np.random.default_rng(crc32(noise.numpy().tobytes()))


def resolve(model: LatentModel, representation: TokenRepresentation, settings: TaskSettings) -> DrawTask:
    """The one task of the settings."""
    if settings.vary is None:
        return CoreTask(model, representation, read_cores(str(settings.core)))
    leads = read_leads(settings)
    items = [lead.molecule for lead in leads]
    level, device = settings.noise_level, next(model.parameters()).device
    arrays = representation.encode(items)
    refused = [(one, array) for one, array in zip(items, arrays, strict=True) if isinstance(array, Refusal)]
    if refused and level is not None:
        item, refusal = refused[0]
        raise DataError(
            f"Expected molecules to `vary` that the model reads, got {Chem.MolToSmiles(item)}: {refusal.reason}. Leave "
            "`noise_level` out: `similarity` needs no latent."
        )
    read = [row for row, array in enumerate(arrays) if not isinstance(array, Refusal)]
    latents = torch.zeros(len(items), model.latent_size)
    back: dict[int, Molecule] = {}
    if read:
        with torch.inference_mode():
            batch = representation.batch([array for array in arrays if not isinstance(array, Refusal)])
            latents[read] = model.encode(batch.to(device)).cpu()
            decoded = representation.decode(model.decode(latents[read[:TRIED]].to(device)).to("cpu"))
        back = dict(zip(read, decoded, strict=False))
    if level is not None:
        _warn_of_lost(items, list(back.values()))
    near = [isinstance(one := back.get(row), Chem.Mol) and lead.similarity(one) == 1 for row, lead in enumerate(leads)]
    return VariationTask(model, representation, leads, latents, near, settings.similarity or WINDOW, level)


def read_leads(settings: TaskSettings) -> list[Lead]:
    """The molecules to vary, with the atoms of each that patterns to keep hold fast. A plausible analogue has few atom
    environments that nobody has made, and no more structural alerts than its lead."""
    items = read_given(str(settings.vary))
    kept = [KeptPattern.compile(pattern) for pattern in settings.keep]
    for pattern, one in zip(settings.keep, kept, strict=True):
        if lacking := next((item for item in items if not one.holds(item)), None):
            why = "doesn't. Change one of the two."
            if one.attachments is not None and lacking.HasSubstructMatch(one.core):
                why = "is substituted elsewhere too. Put an attachment point, [*:1], wherever it may be substituted."
            raise DataError(
                f"Expected molecules to `vary` that hold what is to be kept, '{pattern}', got "
                f"{Chem.MolToSmiles(lacking)}, which {why}"
            )
    familiar, alerts = familiar_beside(items), alert_catalog()

    def accept(most: int, item: Chem.Mol) -> bool:
        return settings.accept(item) and (not settings.plausible or (familiar(item) and alerts.count(item) <= most))

    return [
        Lead(
            item,
            frozenset(atom for one in kept for atom in item.GetSubstructMatch(one.core)),
            partial(accept, alerts.count(item)),
        )
        for item in items
    ]


def _warn_of_lost(items: Sequence[Chem.Mol], reconstructed: Sequence[Molecule]) -> None:
    """Warn of molecules that are not reconstructed from their latents. reconstructed: from those of the first items."""
    pairs = list(zip(items, reconstructed, strict=False))
    which = f"{len(items)}" if len(pairs) == len(items) else f"the first {len(pairs)}"
    lost = [(one, other) for one, other in pairs if isinstance(other, Refusal) or key(other) != key(one)]
    if lost:
        one, other = lost[0]
        decoded = "no molecule" if isinstance(other, Refusal) else Chem.MolToSmiles(other)
        warnings.warn(
            f"{len(lost)} of {which} molecules to vary are not reconstructed from their latents: the latent of "
            f"{Chem.MolToSmiles(one)} decodes to {decoded}, and draws are variations of that. `similarity` in place of "
            "`noise_level` needs no reconstruction.",
            stacklevel=1,
        )


def check(settings: TaskSettings) -> None:
    """Raise an error for a core, or molecules to vary, that can't be read."""
    if settings.core is not None and settings.vary is None:
        read_cores(settings.core)
    if settings.similarity is not None and settings.noise_level is not None:
        raise ConfigError("Expected `similarity` or `noise_level`, got both. Leave out the latter.")
    if settings.vary is not None:
        read_given(settings.vary)


def read_given(source: str) -> list[Chem.Mol]:
    """All molecules of a file, or that of a text."""
    items = [parse(text) for text in MOLECULES.items.texts_given(source, "molecules to `vary`")]
    if refused := next((one for one in items if isinstance(one, Refusal)), None):
        raise DataError(f"Expected molecules to `vary`, got '{source}', with one that can't be read: {refused.reason}.")
    if not items:
        raise DataError(f"Expected molecules to `vary` in {source}, found none.")
    return [item for item in items if not isinstance(item, Refusal)]


TASKS = DrawTasks(settings=frozenset({"core", "vary", "similarity", "noise_level"}), resolve=resolve, check=check)

CONDITIONS = ("logp", "qed", "sa", "tpsa", "mw", "hbd", "hba", "rotatable_bonds", "rings")
"""Default conditions."""


def selfies_vae(representation: SelfiesRepresentation, settings: SequenceVAESettings) -> SequenceVAE:
    """A VAE: transformer encoder, 64 latent dimensions, flow prior, recurrent decoder of groups of SELFIES symbols."""
    return SequenceVAE(len(representation.vocabulary), len(representation.properties), settings)


def smiles_vae(representation: SmilesRepresentation, settings: LatentPriorVAESettings) -> LatentPriorVAE:
    """A VAE whose latent carries the whole molecule, with a flow or a diffusion as the prior of latents."""
    count, prior = len(representation.properties), None
    if settings.latent_prior == "diffusion":
        s = settings
        prior = diffusion_prior(s.prior_width, s.prior_layers, s.latent_diffusion, s.code, count)

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
