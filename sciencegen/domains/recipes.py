"""The record `Recipe`, a named way to train a generative model of a domain's items, and its parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from sciencegen.config.base import CPU_CHUNK
from sciencegen.domains.capabilities.design import DrawTasks, VariantNames
from sciencegen.domains.capabilities.observation import Instrument, Restoration
from sciencegen.items import Item, Json, Reference, Refusal
from sciencegen.latent.space import LatentModel
from sciencegen.scoring.oracles import Oracle

if TYPE_CHECKING:  # torch takes seconds to import, and half of the verbs don't need it
    from sciencegen.batch import Batch

Encoded = Any
"""One item as an integer or float array, or a record of arrays with a length."""
Remember = Callable[[str, Callable[[], Any]], Any]
"""(name, make) -> the cached result of `make`: plain data that depends only on the trained model."""


@dataclass(frozen=True, kw_only=True)
class Naming:
    """Names for the items of a representation as variants of its reference (proteins: the focus of an alignment).

    Parameters
    ----------
    reference : Reference
    column : str
        Name of the tables' column of variant names, such as `mutant`.
    names : (items) -> list of str or None
    suffixes : (items) -> list of str
        Suffixes of the names in files of the domain's own formats (`/24-286`).
    mutate : (item, generator) -> item or Refusal
        Replaces `Moves.mutate`: the result is a variant of the reference too.
    differences : (items) -> [item feature]
        Replaces `Regression.features`: features of the differences from the reference.
    start : tuple of str
        Texts of the items that a search starts from.
    """

    reference: Reference
    column: str
    names: Callable[[Sequence[Item]], list[str | None]]
    suffixes: Callable[[Sequence[Item]], list[str]]
    mutate: Callable[[Item, np.random.Generator], Item | Refusal]
    differences: Callable[[Sequence[Item]], np.ndarray]
    start: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ObservedItems:
    """How the items of a representation relate to an instrument.

    Parameters
    ----------
    instrument : Instrument, optional
        Observes the noise-free items that a model generates. None: the generated items are already observed ones.
    notes : tuple of str
        Notes for a file of observed items.
    hidden : frozenset of str
        Conditions that can't be measured on observed items.
    as_seen : str
        Message for users who request noise-free items from a model that generates observed ones.
    """

    instrument: Instrument | None = None
    notes: tuple[str, ...] = ()
    hidden: frozenset[str] = frozenset()
    as_seen: str = ""


@dataclass(frozen=True, kw_only=True)
class Measures:
    """Quantities of an item that depend on the representation (for a family: the mutations relative to its focus; for
    tables: the columns).

    Parameters
    ----------
    names : tuple of str
    measure : (items, names) -> [item name]
    ranges : mapping
        Name -> (low, high) of the training data.
    tolerances : mapping
        Name -> half-width within which `name = value` counts as satisfied; 0 for others.
    scales : mapping
        Name -> typical size of a difference, by which the gains and violations of goals are divided.
    """

    names: tuple[str, ...]
    measure: Callable[[Sequence[Item], Sequence[str]], np.ndarray]
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    tolerances: Mapping[str, float] = field(default_factory=dict)
    scales: Mapping[str, float] = field(default_factory=dict)


class Representation(Protocol):
    """Converts items to tensors and back; fitted on training data, saved as plain JSON.

    Subclasses inherit None for the optional parts.
    """

    name: str
    properties: tuple[str, ...]
    """Names of the condition's columns, in order."""

    @property
    def naming(self) -> Naming | None:
        return None

    @property
    def observation(self) -> ObservedItems | None:
        return None

    @property
    def measures(self) -> Measures | None:
        return None

    @property
    def scales(self) -> Mapping[str, float]:
        """Property -> standard deviation in the training data, where known."""
        return {}

    @property
    def limits(self) -> Mapping[str, tuple[float, float]]:
        """Property -> least and greatest value that items drawn by a model can have, where there are such limits."""
        return {}

    def encode(self, items: Sequence[Item]) -> list[Encoded | Refusal]: ...

    def batch(self, encoded: Sequence[Encoded], values: np.ndarray | None = None) -> Batch:
        """Build a Batch from arrays of `encode` and raw property values [item property] (NaN = missing)."""

    def symbols(self, encoded: Encoded) -> int:
        """Number of the symbols of an encoded item, over which its bits are averaged."""
        return len(encoded)

    def decode(self, batch: Batch) -> list[Item | Refusal]: ...

    def decode_estimates(self, batch: Batch) -> list[Item | Refusal]:
        """As `decode`, of a diffusion's estimates on the way to items, which are scored and thrown away: what takes
        long may be left out."""
        return self.decode(batch)

    canonical: bool = False
    """Whether each item has exactly one valid encoding, which `well_formed` checks."""

    def well_formed(self, batch: Batch, items: Sequence[Item | Refusal]) -> np.ndarray:
        """[item] whether each row is the encoding of its item; items: the decoded batch. Training data can't contain
        other rows. Used for `canonical` representations only."""
        return np.ones(len(items), bool)

    def familiar(self, item: Item) -> bool:
        """Whether a plausible item is like those that the model was fine-tuned on; others are left out of its draws."""
        return True

    @property
    def training(self) -> Sequence[str]:
        """Texts of the training items, where it holds them."""
        return ()

    @property
    def least(self) -> Mapping[str, Callable[[Item], float]]:
        """Name of a condition -> what its value for an item can't lie below, known without a measurement."""
        return {}

    def condition(self, values: Mapping[str, float]) -> np.ndarray:
        """Standardize raw values by name to one row [property], NaN for missing values."""

    def to_json(self) -> Json: ...


@runtime_checkable
class Completing(Representation, Protocol):
    """Representation of a recipe that completes items."""

    def given(self, items: Sequence[Item]) -> list[Encoded | Refusal]:
        """Encode incomplete items, as `encode` does, without the missing part."""

    def confirmed(self, asked: Item, made: Item) -> Item | Refusal:
        """Return `made`, or a Refusal with the reason if it isn't a completion of `asked`."""


class VariantScore(Protocol):
    """Score of one variant: higher is fitter, the reference itself has 0."""

    @property
    def name(self) -> str: ...

    @property
    def score(self) -> float: ...

    @property
    def deviation(self) -> float: ...

    @property
    def baselines(self) -> tuple[float, ...]: ...


class VariantScorer(Protocol):
    """Scores variants of one item by a model of its family. baselines: names of scores without the model, from simple
    counts, that each variant has too."""

    baselines: tuple[str, ...]

    @property
    def names(self) -> VariantNames: ...

    def all_singles(self) -> list[str]: ...

    def score(self, texts: Sequence[str]) -> Sequence[VariantScore | Refusal]: ...

    def doubts(self) -> list[str]:
        """Warnings that the scores may be unreliable, as sentences."""


@dataclass(frozen=True, kw_only=True)
class Adaptation:
    """Functions for fine-tuning.

    Parameters
    ----------
    adapt_representation : (old, texts, values, property names) -> new
    adapt : (model, old representation, new representation, settings, seed) -> model
        A model for the new representation with the old weights; settings: of the new model.
    fewest : int
        Number of items below which fine-tuning keeps the latent priors instead of fitting new ones.
    settings : frozenset of str
        Settings of the model that only concern fine-tuning, so that a user may choose them for it.
    training : mapping
        Training defaults of fine-tuning, where they differ from those of all recipes.
    """

    adapt_representation: Callable[[Any, Sequence[str], np.ndarray, Sequence[str]], Representation]
    adapt: Callable[[Any, Any, Any, Any, int], LatentModel]
    fewest: int = 5_000
    settings: frozenset[str] = frozenset()
    training: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ModelOracles:
    """Oracles that a trained model provides, such as a likelihood.

    Parameters
    ----------
    make : (model, representation, remember) -> oracles by name
    names : tuple of str
        Names that these oracles and `Representation.measures` may have. Oracles with other names, such as those of the
        columns of a table, are computed only when requested by name.
    on_request : tuple of str
        The subset of `names` that is computed only when requested by name; predictors don't use it as features.
    inform_predictors : bool
        Whether predictors that are trained with this model use the other names as features by default.
    """

    make: Callable[[Any, Any, Remember], Mapping[str, Oracle]]
    names: tuple[str, ...] = ()
    on_request: tuple[str, ...] = ()
    inform_predictors: bool = False


@dataclass(frozen=True, kw_only=True)
class TrainedRegion:
    """Numbers by which a model tells whether an item is like those that it was trained on. Their quantiles on held-out
    items are saved beside the weights (`api.models.region`).

    Parameters
    ----------
    measure : (model, representation, items) -> number's name -> [item]
        NaN where a number doesn't apply to an item, and for items that can't be encoded.
    ends : mapping
        Name -> what an item below and one above the trained range is, with a place for the limit ("fainter than {:.1f}
        mag"); "" for an end without a limit.
    margins : mapping
        Name -> factor beyond the trained range that still counts as inside, of positive numbers.
    """

    measure: Callable[[Any, Any, Sequence[Item]], Mapping[str, np.ndarray]]
    ends: Mapping[str, tuple[str, str]]
    margins: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class FamilyTraining:
    """Training on weighted rows of one family.

    Parameters
    ----------
    scorer : (model, representation) -> VariantScorer or None
        None for a model that scores no variants.
    weight : str
        Name in `columns` of the weights by which training samples items; the model gets their sum as `effective_items`.
    columns : tuple of str
        Numeric columns other than conditions, which are passed to `fit` after the conditions.

    `Recipe.fit` is then called with `context`, the context of the data (`Family.context`), or None.
    """

    scorer: Callable[[Any, Any], VariantScorer | None]
    weight: str = ""
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A named way to build a generative model: fit a representation, then a network of stated size.

    Parameters
    ----------
    name : str
    fit : (texts, values [item property] with NaN = missing, property names) -> Representation
    load_representation : (data) -> Representation
        The inverse of `Representation.to_json`.
    build : (representation, settings) -> LatentModel
        A torch module. The settings of a diffusion model have a field `diffusion`, so that distilled models can sample
        with other settings.
    settings : type
        A frozen record.
    conditions : tuple of str, optional
        Properties that the model is conditioned on by default, in addition to the user's own columns. None: it is
        conditioned on nothing.
    description : str
    form : str
        Name of the form whose items the recipe learns, "" for the domain's own items.
    training : mapping
        Training settings that differ from the defaults.
    check : (model, representation, held-out arrays) -> figures, optional
        Default: the share of items that are reconstructed.
    completes : bool
        The model generates no new items, it adds a missing part to given ones (molecules: coordinates). Its
        representation is `Completing`.
    language_model : bool
        `LatentModel.generate` draws p(x | c) symbol by symbol, without a code.
    one_thread : bool
        Train in one thread unless the user says how many: a step of a small network is shorter than the wait of one
        thread for another on a busy machine.
    cpu_rows : int
        Rows of one call of the model on a CPU: few where each takes long.
    fitted_at_once : bool
        `finish` fits the model to all items; no steps are taken.
    latent_alone : bool
        `LatentModel.decode` ignores the condition: latents hold everything.
    adaptation : Adaptation, optional
    oracles : ModelOracles, optional
    family : FamilyTraining, optional
    tasks : DrawTasks, optional
    restoration : Restoration, optional
    region : TrainedRegion, optional
    """

    name: str
    fit: Callable[..., Representation]
    load_representation: Callable[[Mapping[str, Any]], Representation]
    build: Callable[[Any, Any], LatentModel]
    settings: type
    conditions: tuple[str, ...] | None = ()
    description: str = ""
    form: str = ""
    training: Mapping[str, object] = field(default_factory=dict)
    check: Callable[[Any, Any, Sequence[Encoded]], Mapping[str, float]] | None = None
    completes: bool = False
    language_model: bool = False
    latent_alone: bool = False
    fitted_at_once: bool = False
    one_thread: bool = False
    cpu_rows: int = CPU_CHUNK
    adaptation: Adaptation | None = None
    oracles: ModelOracles | None = None
    family: FamilyTraining | None = None
    tasks: DrawTasks | None = None
    restoration: Restoration | None = None
    region: TrainedRegion | None = None
