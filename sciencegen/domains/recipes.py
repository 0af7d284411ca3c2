"""What a recipe is: a named way to train a generative model of a domain's items."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from sciencegen.domains.capabilities.observation import Instrument
from sciencegen.domains.capabilities.variants import VariantNames
from sciencegen.items import Item, Json, Reference, Refusal
from sciencegen.latent.space import LatentModel
from sciencegen.scoring.oracles import Oracle

if TYPE_CHECKING:  # torch takes seconds to import, and half of the verbs don't need it
    from sciencegen.batch import Batch

Encoded = Any
"""One item as an integer or float array, or a record of arrays with a length."""
Remember = Callable[[str, Callable[[], Any]], Any]
"""(name, make) -> what `make` gives, plain data that follows from a trained model alone; made once and kept."""


@dataclass(frozen=True, kw_only=True)
class Naming:
    """Items of a representation as variants of its reference (proteins: of an alignment's focus).

    Parameters
    ----------
    reference : Reference
    column : str
        Of the names in tables, such as `mutant`.
    names : (items) -> list of str or None
    suffixes : (items) -> list of str
        How names in the domain's own files end (`/24-286`).
    mutate : (item, generator) -> item or Refusal
        A move among variants of the reference, in place of `Moves.mutate`.
    differences : (items) -> [item feature]
        Features against the reference, in place of `Regression.features`.
    start : tuple of str
        Texts of items that a search begins with.
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
        How items that are made without an instrument would be observed. None: items are made as an instrument saw them.
    notes : tuple of str
        What a file of observed items should say.
    hidden : frozenset of str
        Conditions that items as an instrument saw them don't show.
    as_seen : str
        A sentence for users who ask for noise-free items of a model that makes observed ones.
    """

    instrument: Instrument | None = None
    notes: tuple[str, ...] = ()
    hidden: frozenset[str] = frozenset()
    as_seen: str = ""


@dataclass(frozen=True, kw_only=True)
class Measures:
    """Numbers of an item that follow from the representation (of a family's rows: mutations against its focus).

    Parameters
    ----------
    names : tuple of str
    measure : (items, names) -> [item name]
    ranges : mapping
        Name -> (low, high) of the training data.
    """

    names: tuple[str, ...]
    measure: Callable[[Sequence[Item], Sequence[str]], np.ndarray]
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)


class Representation(Protocol):
    """Items to tensors and back; fitted on training data, saved as plain JSON.

    Subclass it: then the optional parts are None.
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
        """Property -> standard deviation of the training data, where it is known."""
        return {}

    def encode(self, items: Sequence[Item]) -> list[Encoded | Refusal]: ...

    def batch(self, encoded: Sequence[Encoded], values: np.ndarray | None = None) -> Batch:
        """Arrays of `encode` and raw property values [item property] (NaN = missing) as a Batch."""

    def decode(self, batch: Batch) -> list[Item | Refusal]: ...

    canonical: bool = False
    """Whether an item has one way to be written as a row, which `well_formed` checks."""

    def well_formed(self, batch: Batch, items: Sequence[Item | Refusal]) -> np.ndarray:
        """[item] whether each row is how its item is written; items: what the batch decodes to. Training data could not
        hold a row that isn't. Only of `canonical` representations."""
        return np.ones(len(items), bool)

    def condition(self, values: Mapping[str, float]) -> np.ndarray:
        """Raw values by name as one standardized row [property], NaN where not given."""

    def to_json(self) -> Json: ...


@runtime_checkable
class Completing(Representation, Protocol):
    """A representation of a recipe that completes items."""

    def given(self, items: Sequence[Item]) -> list[Encoded | Refusal]:
        """Items without what they lack, as `encode`."""

    def confirmed(self, asked: Item, made: Item) -> Item | Refusal:
        """`made`, or why it isn't the item that was asked for."""


class VariantScore(Protocol):
    """score: higher is fitter, 0 for the reference itself."""

    @property
    def name(self) -> str: ...

    @property
    def score(self) -> float: ...

    @property
    def deviation(self) -> float: ...


class VariantScorer(Protocol):
    """Scores of the variants of one item by a model of its family."""

    @property
    def names(self) -> VariantNames: ...

    def all_singles(self) -> list[str]: ...

    def score(self, texts: Sequence[str]) -> Sequence[VariantScore | Refusal]: ...

    def doubts(self) -> list[str]:
        """Why the scores mean little, in words."""


@dataclass(frozen=True, kw_only=True)
class Adaptation:
    """Fine-tuning.

    Parameters
    ----------
    adapt_representation : (old, texts, values, property names) -> new
    adapt : (model, old representation, new representation, seed) -> model
        A model for the new representation with the old weights.
    fewest : int
        Items, fewer of which an adapted model doesn't fit its latent priors to anew.
    """

    adapt_representation: Callable[..., Representation]
    adapt: Callable[..., LatentModel]
    fewest: int = 5_000


@dataclass(frozen=True, kw_only=True)
class ModelOracles:
    """What a trained model itself says of items.

    Parameters
    ----------
    make : (model, representation, remember) -> oracles by name
    names : tuple of str
        That these and `Representation.measures` may have.
    on_request : tuple of str
        Of these, what is scored only where it is named: predictors don't learn from it.
    inform_predictors : bool
        Whether a predictor that is given the model learns from the others by default.
    """

    make: Callable[..., Mapping[str, Oracle]]
    names: tuple[str, ...] = ()
    on_request: tuple[str, ...] = ()
    inform_predictors: bool = False


@dataclass(frozen=True, kw_only=True)
class FamilyTraining:
    """Training on weighted rows of one family.

    Parameters
    ----------
    scorer : (model, representation) -> VariantScorer or None
        None for a model that scores no variants.
    weight : str
        Of `columns` the one by which items are drawn in training; the model gets their sum as `effective_items`.
    columns : tuple of str
        Columns of numbers that are no conditions and that `fit` gets after the conditions.

    `Recipe.fit` then gets `context`, the context of the data (`Family.context`), or None.
    """

    scorer: Callable[..., VariantScorer | None]
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
        A torch module. The settings of a diffusion hold its own as `diffusion`, so that a distilled one can draw with
        others.
    settings : type
        A frozen record.
    conditions : tuple of str, optional
        Properties that the model is conditioned on by default, in addition to the user's own columns. None: it is
        conditioned on nothing.
    description : str
    form : str
        Of the domain's items that the recipe learns, "" for the domain's own items.
    training : mapping
        What it changes of the training defaults.
    check : (model, representation, held-out arrays) -> figures, optional
        Default: how many items come back.
    completes : bool
        The model makes no items of its own, it gives items what they lack (molecules: coordinates). Its representation
        is `Completing`.
    adaptation : Adaptation, optional
    oracles : ModelOracles, optional
    family : FamilyTraining, optional
    """

    name: str
    fit: Callable[..., Representation]
    load_representation: Callable[[Mapping[str, Any]], Representation]
    build: Callable[..., LatentModel]
    settings: type
    conditions: tuple[str, ...] | None = ()
    description: str = ""
    form: str = ""
    training: Mapping[str, object] = field(default_factory=dict)
    check: Callable[..., Mapping[str, float]] | None = None
    completes: bool = False
    adaptation: Adaptation | None = None
    oracles: ModelOracles | None = None
    family: FamilyTraining | None = None
