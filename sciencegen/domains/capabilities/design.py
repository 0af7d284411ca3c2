"""The optional part `Design`: design rounds with a laboratory."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from sciencegen.errors import ConfigError
from sciencegen.items import Cell, Item, Reference, Refusal

if TYPE_CHECKING:
    from torch import Tensor

    from sciencegen.batch import Batch
    from sciencegen.optimization.feature_rows import SiteRows


class DesignSpace(Protocol):
    """The set of items that may be proposed."""

    @property
    def origin(self) -> Item:
        """The item that all others are changes of."""

    @property
    def reference(self) -> Reference | None:
        """The reference that the user gave, or None."""

    @property
    def notes(self) -> list[str]:
        """How the options were interpreted, as sentences."""

    def accepts(self, item: Item) -> bool: ...

    def mutate(self, item: Item, generator: np.random.Generator) -> Item | Refusal:
        """A random move within the space."""

    def everything(self, limit: int) -> list[Item] | None:
        """All items of the space if there are at most `limit`, else None."""


class MakeDesignSpace(Protocol):
    """(items measured so far, options of the domain) -> design space.

    The option `reference` is the parsed `wild_type`.
    """

    def __call__(self, measured: Sequence[Item] = (), **options: object) -> DesignSpace: ...


class Edits(Protocol):
    """Features of items whose sites don't correspond, fitted to known items."""

    def __call__(self, items: Sequence[Item]) -> np.ndarray:
        """The features, [item feature]."""

    def refusal(self, item: Item) -> str | None:
        """The reason why an item can't be compared with the known ones, or None."""


@dataclass(frozen=True, kw_only=True)
class Design:
    """Plates of variants of one item.

    Parameters
    ----------
    space : (measured, **options) -> DesignSpace
    options : tuple of str
        Names of the options of `space`.
    features : (items, origin) -> SiteRows or None, optional
        Features by site, for sequences of one length; None if an item can't be aligned with the origin, and then
        regressors use `Regression.features`. Default: they always use these.
    edits : (items, origin) -> Edits or None, optional
        Fit features to items whose sites don't correspond, such as sequences with inserted residues; None if `features`
        or `Regression.features` describe them. origin: None for one fitted to the items.
    marks : (items, origin) -> list of set, optional
        For each item the marks (proteins: mutations) that other items of a plate may share with it. Default: its label
        in `Regression.groups`.
    """

    space: MakeDesignSpace
    options: tuple[str, ...] = ()
    features: Callable[[Sequence[Item], Item | None], SiteRows | None] | None = None
    edits: Callable[[Sequence[Item], Item | None], Edits | None] = lambda items, origin: None
    marks: Callable[[Sequence[Item], Item], Sequence[Collection[Hashable]]] | None = None


# Moves on items, for searches and design rounds, and patterns that items must or must not contain.

Move = Callable[[Item, np.random.Generator], Item | Refusal]
Crossover = Callable[[Item, Item, np.random.Generator], Item | Refusal]
Test = Callable[[Item], bool]
MakeTest = Callable[[Sequence[str], Sequence[str], Reference | None], Test]
"""(patterns to keep, patterns to forbid, reference) -> test of an item. A forbidden pattern that the reference contains
is allowed at the same place in an item."""


def no_patterns(keep: Sequence[str], forbid: Sequence[str], reference: Reference | None) -> Test:
    """The `constraint` of a domain without patterns: raises an error if any are given."""
    if pattern := next(iter((*keep, *forbid)), None):
        raise ConfigError(f"Expected no patterns, got '{pattern}': this domain has none. Use `where`.")
    return lambda item: True


class Materials(NamedTuple):
    """What making an item takes. blocks: what is bought. intermediates: what is made on the way. last: the
    intermediates that the last step takes."""

    blocks: tuple[str, ...]
    intermediates: tuple[str, ...] = ()
    last: tuple[str, ...] = ()


Columns = dict[str, list[Cell]]
"""Cells by column, in the order of items."""


@dataclass(frozen=True, kw_only=True)
class BlockMoves:
    """Moves over items that are made from given building blocks, each with the way to make it.

    Parameters
    ----------
    draw : (count, generator) -> items or Refusals
        Random items.
    mutate, edit, recombine
        As those of `Moves`, for items that these moves made or that were entered; others are refused.
    nearest : (item, count) -> items
        Items that can be made and are most like any item, best first; the item itself is the first if it can be made.
    analogues : (item, count) -> items and their columns
        The same items with their `columns`, which depend on the arguments alone. They are not entered.
    enter : (text) -> item or Refusal
        The item that is made as a cell of the first of the `columns` says; the moves know it from then on.
    columns : (items) -> columns of a table
        How each item is made.
    materials : (item) -> Materials or None
        What making the item takes; None for an item that these moves don't know.
    notes : tuple of str
        What a user should know of the blocks, such as how many can't be used.
    """

    draw: Callable[[int, np.random.Generator], list[Item | Refusal]]
    mutate: Move
    edit: Move
    recombine: Crossover
    nearest: Callable[[Item, int], list[Item]]
    analogues: Callable[[Item, int], tuple[list[Item], Columns]]
    enter: Callable[[str], Item | Refusal]
    columns: Callable[[Sequence[Item]], Columns]
    materials: Callable[[Item], Materials | None]
    notes: tuple[str, ...] = ()


FromBlocks = Callable[[Sequence[Item], Sequence[str], int], BlockMoves]
"""(blocks, names of the blocks, greatest number of steps) -> moves."""


class SharedPart(Protocol):
    """What two items share, and items between the two that hold it."""

    @property
    def text(self) -> str:
        """The part, for users."""

    def between(self, generator: np.random.Generator, further: Sequence[Item] = ()) -> list[tuple[Item, float]]:
        """Distinct items that hold the part, each with what speaks against it, 0 or more; the two themselves are not
        among them. further: items of a model, of which those that hold the part are taken."""


@dataclass(frozen=True, kw_only=True)
class Analogues:
    """How experts vary measured items, and what they expect of the variants: the candidates of a plate.

    Parameters
    ----------
    changes : (items) -> moves by name
        Changes that are seen among measured items, which come best first. Each makes one change of an item, or says
        why there is none.
    cores : (items) -> patterns
        What the best items share, in the syntax of `Moves.constraint`: each of most items holds one of the patterns.
        Empty if they share nothing.
    alerts : (item) -> names
        What experts avoid in new items, though it may be among the measured ones.
    liabilities : (item) -> names
        What experts don't introduce, but keep where a measured item has it.
    limits : mapping
        Property -> value that most good items don't exceed; infinity for none. New items don't exceed the greater
        part of the measured ones.
    difference : (item, reference) -> text
        What differs from a reference, for an expert to read.
    opens : (items) -> test
        Whether an item has a group at a position that the items have and leave free.
    repeats : (items) -> test
        Whether an item says less than one of the items, and is otherwise the same: it needn't be measured.
    key : (item) -> text
        The same for items of which one is a candidate at most, such as tautomers and enantiomers.
    """

    changes: Callable[[Sequence[Item]], Mapping[str, Move]]
    cores: Callable[[Sequence[Item]], Sequence[str]]
    alerts: Callable[[Item], Sequence[str]]
    liabilities: Callable[[Item], Sequence[str]]
    limits: Mapping[str, float]
    difference: Callable[[Item, Item], str]
    opens: Callable[[Sequence[Item]], Callable[[Item], bool]]
    repeats: Callable[[Sequence[Item]], Callable[[Item], bool]]
    key: Callable[[Item], str]


@dataclass(frozen=True, kw_only=True)
class Moves:
    """Moves of a domain.

    Parameters
    ----------
    mutate : (item, generator) -> item or Refusal
        A small random change of an item's text; the baseline for searches in a latent space.
    edit : (item, generator) -> item or Refusal, optional
        A small random change of the item itself.
    recombine : (item, other, generator) -> item or Refusal, optional
        Crossover: an item with parts of both.
    constraint : (keep, forbid, reference) -> test, optional
        Combine patterns in the domain's syntax (molecules: SMARTS) to one test of an item.
    plausible : (item) -> bool, optional
        Whether an expert would expect that the item can exist (molecules: no group that decomposes). Draws, searches
        and plates leave other items out by default.
    familiar : (known items) -> test, optional
        Whether an item has few parts that neither the domain's reference nor known items have (molecules: atom
        environments and large rings). Searches and plates, whose moves leave what a model has learned, leave other
        items out by default.
    implausible_groups : (pattern) -> names
        What makes every item that holds a pattern to keep implausible; empty if that isn't certain.
    from_blocks : (blocks, names, steps) -> BlockMoves, optional
        Moves over items that are made from building blocks in a limited number of steps (molecules: synthesis routes).
    analogues : Analogues, optional
        The candidates of plates. Without it they come from `mutate`, `edit` and `recombine`.
    like : (item) -> ((similarity, generator) -> item or Refusal), optional
        Random items at about a similarity to one, which are its neighbours in the latent space at a radius of 1 minus
        that. Without it, and far from the item, neighbours are random steps in the latent space.
    shared : (start, end) -> SharedPart or Refusal, optional
        What two items share, which the items of a path from one to the other keep (molecules: the largest common
        substructure).
    """

    mutate: Move
    edit: Move | None = None
    recombine: Crossover | None = None
    constraint: MakeTest = no_patterns
    plausible: Test | None = None
    familiar: Callable[[Sequence[Item]], Test] | None = None
    implausible_groups: Callable[[str], list[str]] = lambda pattern: []
    from_blocks: FromBlocks | None = None
    analogues: Analogues | None = None
    like: Callable[[Item], Callable[[float, np.random.Generator], Item | Refusal]] | None = None
    shared: Callable[[Item, Item], SharedPart | Refusal] | None = None


# Items that are named against a reference item, such as `A42G` of a wild type.


class VariantNames(Protocol):
    """Names of the variants of one reference."""

    @property
    def remedy(self) -> str:
        """What the user can do about a `hint`, as a sentence."""

    def all_singles(self) -> list[str]:
        """Names of all single changes."""

    def read(self, text: str) -> tuple[str, str] | Refusal:
        """Parse the name of a variant, or the text of the whole item, to (name, text of the item)."""

    def places(self, texts: Iterable[str]) -> set[str]:
        """A small set of texts for which `hint` gives the same result as for all these texts."""

    def hint(self, texts: Iterable[str]) -> str:
        """Explain why refused texts don't match the reference, such as other numbering; "" without an explanation."""


class VariantStructure(Protocol):
    """Scores of the variants of one reference that also know a structure of it."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns of `values`."""

    def values(self, names: Sequence[str], scores: Sequence[float]) -> dict[str, list[Cell]]:
        """Column -> list of cells, one for each variant. scores: of the family's model."""

    def notes(self) -> list[str]:
        """How the structure was interpreted, as sentences."""


@dataclass(frozen=True, kw_only=True)
class Variants:
    """Items as variants of a reference.

    Parameters
    ----------
    read_reference : (source, first) -> Reference
        Read from the text of an item or from a file; `first` is the number of its first site, if a file has no numbers.
    text_of : (reference, text) -> text or Refusal
        The text of an item from its variant name (`A42G:K43R`) or from its own text.
    name_of : (reference, item) -> name or Refusal
    names : (reference) -> VariantNames
    exempt_motifs : (reference, forbid) -> notes
        Notes on the patterns of `forbid` that the reference contains.
    structure : (reference, file, names of all singles, their scores) -> VariantStructure, optional
    unit : str
        Unit of the scores of variants.
    """

    read_reference: Callable[[str, int], Reference]
    text_of: Callable[[Reference, str], str | Refusal]
    name_of: Callable[[Reference, Item], str | Refusal]
    names: Callable[[Reference], VariantNames]
    exempt_motifs: Callable[[Reference, Sequence[str]], list[str]] = lambda reference, forbid: []
    structure: Callable[[Reference, str, Sequence[str], Sequence[float]], VariantStructure] | None = None
    unit: str = ""


ReferenceLike = Reference | Mapping[str, object]
"""A reference, or the context of a prepared dataset that contains one (`Family.context`)."""


# The optional part `Orders`: what a supplier needs to make an item, beside its text.

OrderOptions = Mapping[str, object]
"""Options of a domain's order sheets, by name."""


@dataclass(frozen=True, kw_only=True)
class Orders:
    """Columns of an order sheet.

    Parameters
    ----------
    check : (options) -> None
        Raise a ConfigError for wrong options.
    columns : (options) -> sequence of str
        Names of the columns beside the item.
    cells : (item, options) -> mapping or Refusal
        Column -> text, or why the item can't be ordered so. Equal items and options give equal texts.
    echo_type : str
        The Echo's name of the usual type of stock plates for what is ordered.
    """

    check: Callable[[OrderOptions], None]
    columns: Callable[[OrderOptions], Sequence[str]]
    cells: Callable[[Item, OrderOptions], Mapping[str, str] | Refusal]
    echo_type: str = "384PP_DMSO2"


# The optional part `DrawTasks` of a recipe: draws that contain, vary or repeat something given.


@dataclass(frozen=True)
class TaskSettings:
    """The settings of `generate` that a task may need.

    core: text of a part that every draw contains, with attachment points. scaffold: file with a part that every
    draw contains; contigs: which of its residues, and how much is free around them; keep_free: file of atoms that no
    draw overlaps. vary: file or text of items to vary, at `noise_level` or to a `similarity`, the least and the
    greatest one. symmetry: of copies, such as C3.
    sampler: the name that the user chose. bounds: property -> (least, greatest) value that `where` accepts. keep:
    patterns that every draw must contain; accept: a test of draws by these, by patterns to forbid, and if `plausible`
    for plausibility.
    """

    core: str | None = None
    scaffold: str | None = None
    contigs: str | None = None
    keep_free: str | None = None
    vary: str | None = None
    similarity: tuple[float, float] | None = None
    noise_level: float | None = None
    symmetry: str | None = None
    sampler: str | None = None
    bounds: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    keep: tuple[str, ...] = ()
    accept: Test = lambda item: True
    plausible: bool = False


class DrawTask(Protocol):
    """A task with checked settings."""

    def draw(self, noise: Tensor, condition: Tensor | None = None) -> Batch:
        """As `LatentModel.generate`: noise [draw latent] and standardized conditions to a Batch, or to one of items'
        texts (`text_batch`). A row's draw doesn't depend on the others."""


@runtime_checkable
class DrawsGiven(Protocol):
    """A task that may draw the given items themselves, which count as repeats."""

    @property
    def known(self) -> frozenset[str]:
        """Keys of the given items."""


@runtime_checkable
class DescribesDraws(Protocol):
    """A task that adds columns about each draw to the results."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Their names."""

    def cells(self, item: Item) -> tuple[Cell, ...]:
        """A cell for each column."""


@dataclass(frozen=True, kw_only=True)
class DrawTasks:
    """The tasks of a recipe's models.

    Parameters
    ----------
    settings : frozenset of str
        Names of the settings that they take.
    resolve : (model, representation, settings) -> DrawTask
        Raises an error for settings that contradict the model or each other.
    check : (settings) -> None, optional
        Raises an error for settings that no model could read, before one is loaded or trained.
    samplers : mapping of str to str, optional
        Setting -> the sampler of a diffusion that draws by default where it is given, instead of the model's own.
    """

    settings: frozenset[str]
    resolve: Callable[[Any, Any, TaskSettings], DrawTask]
    check: Callable[[TaskSettings], object] = lambda settings: None
    samplers: Mapping[str, str] = field(default_factory=dict)
