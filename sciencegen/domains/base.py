"""What a domain is. A fourth domain is one folder with an object of this shape and one line in `DOMAINS`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from sciencegen.items import Origin, Property, Refusal, Row
from sciencegen.latent.space import LatentModel
from sciencegen.scoring.oracles import Oracle

if TYPE_CHECKING:  # torch takes seconds to import, and half of the verbs don't need it
    from sciencegen.batch import Batch

Item = Any
"""What the scientist holds: an RDKit molecule, a sequence record, an image with its header."""

Remember = Callable[[str, Callable[[], Any]], Any]
"""(name, make) -> what `make` gives, plain data that follows from a trained model alone; made once and kept."""


class Representation(Protocol):
    """Items to tensors and back; fitted on training data, saved as plain JSON."""

    name: str
    properties: tuple[str, ...]
    """Names of the condition's columns, in order."""

    def encode(self, items: Sequence[Item]) -> list[Any]:
        """Each item as one integer or float array (or a record of arrays with a length), or a Refusal that says why
        it can't be."""

    def batch(self, encoded: Sequence[Any], values: np.ndarray | None = None) -> Batch:
        """Arrays of `encode` and raw property values [item property] (NaN = missing) as a Batch."""

    def decode(self, batch: Batch) -> list[Item | Refusal]:
        """The items of such a Batch.

        A representation may offer `measures`, names of numbers that an item has beside what it was fitted on, and
        `measure(items, names) -> [item name]` (of a family's rows: mutations against its focus), with `ranges` of them;
        and `start`, texts of items that a search begins with (the focus).
        One that makes items as they are, of data in which an instrument saw them, may offer `observed(items, seed)`:
        the same items as that instrument sees them;
        and `observed_notes`, what a file of those should say. One that
        makes items as an instrument saw them may say so instead:
        `hidden`, the conditions that such items don't show, and `as_seen`, a sentence for who wants them free of noise.
        One whose items have names against a reference may offer `name_column`, and `names(items)` for it (proteins:
        `mutant`, such as A42G:K43R), None for an item without one; and for searches `mutate(item, generator)`, a move
        among variants of the reference, and `differences(items) -> [item feature]` from it, in place of the domain's
        `mutate` and `features`; and `ranges_of(items)`, how names in files end that say which residues these are.
        One in which an item has one way to be written may also offer
        `well_formed(batch, items) -> bool array [item]`: whether each row is that way, `items` being what it decodes
        to. What a model draws otherwise is nothing that training data could hold.
        """

    def condition(self, values: Mapping[str, float]) -> np.ndarray:
        """Raw values by name as one standardized row [property], NaN where not given."""

    def to_json(self) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Recipe:
    """A named way to build a generative model: fit a representation, then a network of stated size.

    fit: (texts, values [item property] with NaN = missing, property names) -> Representation.
    load_representation: the inverse of Representation.to_json.
    build: (representation, settings) -> LatentModel (a torch module); `settings` is a frozen record of type `settings`,
        which of a DiffusionModel holds its own as `diffusion`, so that a distilled one can draw otherwise.
    conditions: the properties that the model is conditioned on unless told otherwise, beside the user's own columns;
        None: it is conditioned on nothing.
    adapt_representation: (old, texts, values, property names) -> new; for fine-tuning. None: can't be fine-tuned.
    adapt: (model, old representation, new representation, seed) -> a model for the new one with the old weights.
    fewest: items, fewer of which an adapted model doesn't fit anew to what it fits after its weights, such as a prior.
    form: which form of the domain's items the recipe learns, "" for the domain's own (`Domain.forms`).
    check: (model, representation, held-out arrays) -> figures of a trained model; None: how many items come back.
    completes: the model has no items of its own, it gives given ones what they lack (molecules: coordinates). Its
        representation has `given(items)`, like `encode`, and `confirmed(asked, made)`, `made` or why it isn't `asked`;
        the model `complete(batch, noise)` and a `state`.
    columns: numbers of the data that are no conditions and that `fit` gets after them; some may be missing in an item.
    contextual: `fit` gets `context`, what a form says of a file as a whole (`Domain.context`), or None.
    variants: (model, representation) -> a scorer of variants of one item: `all_singles()` -> names, `score(texts)` ->
        of each a record with `name`, `score` (higher is fitter, 0 for the item itself) and `deviation`, or a Refusal;
        `names` -> `Domain.variant_names` of that item; `doubts()` -> why its scores mean little, in words. None for
        a model that can't tell.
    oracles: (model, representation, remember) -> oracles of what the model itself knows of items; remember(name, make)
        gives what `make` does, plain data that follows from the model alone, or did once. knows: names that these and
        `Representation.measures` may have. informs: whether a predictor that is given the model learns from what they
        say, unless told otherwise.
    training: what it changes of the training defaults.
    weight: one of these, by which items are drawn in training; the model is told their sum as `effective_items`.
    """

    name: str
    fit: Callable[..., Representation]
    load_representation: Callable[[Mapping[str, Any]], Representation]
    build: Callable[[Any, Any], LatentModel]
    settings: type
    conditions: tuple[str, ...] | None = ()
    adapt_representation: Callable[[Any, Sequence[str], np.ndarray, Sequence[str]], Representation] | None = None
    adapt: Callable[[Any, Any, Any, int], LatentModel] | None = None
    fewest: int = 5_000
    description: str = ""
    form: str = ""
    check: Callable[[Any, Any, Sequence[Any]], Mapping[str, float]] | None = None
    completes: bool = False
    weight: str = ""
    columns: tuple[str, ...] = ()
    contextual: bool = False
    variants: Callable[[Any, Any], Any] | None = None
    oracles: Callable[[Any, Any, Remember], Mapping[str, Oracle]] | None = None
    knows: tuple[str, ...] = ()
    informs: bool = False
    training: Mapping[str, Any] = field(default_factory=dict)


class Domain(Protocol):
    """One science. Everything outside `sciencegen.domains` sees only this.

    A domain may have two more moves, which searches use where there are any:
    edit(item, generator) -> Item | Refusal: a small move on the thing itself, not on how it is written as `mutate`'s.
    recombine(item, other, generator) -> Item | Refusal: a child of two items.

    For design rounds with a lab a domain may offer
    design_features(items, origin) -> `optimization.feature_rows.SiteRows`, the letters of sequences of one length and
        features of each letter; None where an item can't be laid on the origin, an item. Else `features` is used.
    marks(items, origin) -> of each item what others of a plate may have in common with it, beside the origin (proteins:
        letters at positions). Else the label in `groups` is all.
    design_space(measured, **options) -> what may be proposed, by options in the domain's language (positions, letters,
        how many changes; `space_options` are their names) and the items measured so far: `accepts(item)`; and perhaps
        `origin`, the item that all others are changes of; `mutate(item, generator)`, a move within it;
        `everything(limit)`, all its items where these are no more than `limit`, else None; `notes`, what the options
        were understood as. Where items have names, the option `reference` is `--wild-type`, and `reference` what it was
        read as, None where none was given.

    structure_records(path) -> (format, texts): of a file that `write` wrote, for the report's viewer; one of the
    formats that 3Dmol.js reads, "" for an item without coordinates.

    scaffold(path) -> a part of an item that is to stay as it is in a file: `item`, that part; `pattern`, which
        `constraint` takes; place(item, attempt) -> field of a representation -> (positions of `given(item)`, their
        values), or a Refusal; fit(item, made, placed) -> the completed item with that part in its place, or a Refusal.

    fit_features(items, reference) -> what regressors see of items like these, where that is fitted, or None where
        `features` serve: a record with `encode(items) -> list[array | Refusal]`, `blocks` of its columns
        (`prediction.blocks`), `defaults` of the predictor's settings, `novel(items) -> bool array` (which have
        something that none of these had), `refusal(item) -> str | None` and `to_json()`, whose inverse is
        load_features(data).
    observing(items) -> how an instrument saw items like these, None where they are as they are: a record with
        `observed(items, seed)`, items as it sees them, those that it saw already unchanged, or a Refusal; and
        `to_json()`, whose inverse is load_observing(data). A predictor that learned from such items is asked of others
        once these are observed.
    splits: name -> function (items, that record) -> `prediction.splits.Split`, how new items may differ from those
        measured; None: by `groups`.
    reference(source, first=1) -> the item that others are named against, from its text or a file, and the number of its
        first letter where the file says none; of_reference(reference, text) -> the text of an item from its name
        (proteins: `A42G:K43R`), or of itself, or a Refusal; name_of(reference, item) -> its name, or a Refusal.

    held(reference, forbid) -> notes: which patterns of `forbid` that reference holds itself; then `constraint` takes it
        as a third argument, and lets them stay where it has them.

    Where items have letters in columns a report draws them by
    letter_classes: name of a class -> its letters, like ones together, in the order in which a picture lists them;
    sites(texts, reference) -> `domains.sites.Sites`, or None where there are no common columns. reference: of
        `reference(source)`, or what `context(path)` gave, or None;
    changes(names) -> of each name of a variant its `domains.sites.Change`s, none for the reference itself, or None;
    variant_unit: of the scores of variants (`Recipe.variants`);
    and render_against(item, reference, width, height), `render` that shows what differs from such a reference.

    gallery: how many items a report draws of each group, training data beside draws of the model, where pictures tell
        something so.
    traversals: whether what lies near in a latent space looks alike, so that a report shows rows of pictures along it
        (of models that decode quickly).
    render_alike(items, width, height) -> `render` of each, all on one scale, such as of brightness.

    metric_notes: name of a metric of `evaluate` -> (what it is, which end is better, published figures by model).
    metric_units: name -> its unit; distances between values of a property (`wasserstein_mw`) have the property's.

    left_out(text) -> what `parse` leaves out of what a text stands for (of a salt, the other ions), in words, or "".

    given: names of properties that a file may know better than a measurement of the item tells (galaxies: what was
        measured without noise): prepared data hold the file's number where there is one.
    companion: ending of the file, such as ".fits", that holds the items of a table whose texts are no cells for people;
        then cell(item) -> what a cell shows of it, where it stands already (`stamps.fits[3]`), "" if nowhere.
    placed(path, number) -> the text of the item with this number, from 0, in a file that `write` wrote.
    reads_folders: whether `read` takes a folder of files.
    simulate(settings, seed, start, stop) -> (text, values) of the rows start to stop - 1 of a set that a card says is
        made, not fetched; a row's random numbers are its own, whichever others are made.

    labels: name -> function (an item's name -> its label, "" for none), what names tell (proteins: `taxon`).

    variant_names(reference) -> variants of it by name: `all_singles()` -> names; `read(text)` -> (name, text of the
        item) or a Refusal; `hint(texts)`, what would make texts fit that were refused, "" where nothing would;
        `places(texts)`, the few texts that say as much to `hint` as these; `remedy`, what to do about a hint.

    not_goals: names -> why they are no goals, conditions or targets of designs, whatever oracle they would name.

    variant_classes(scores) -> classes of variants of one item, from the scores of all its singles (`Recipe.variants`):
        a record with `columns`, among them `class`, `values(scores)` -> column -> cells, `notes()` in words, and
        `doubts()`, why they mean little, in words.

    And a domain may have forms (`forms: Mapping[str, Domain]`): the same science with more of each item, such as
    molecules with their coordinates. Prepared data and recipes say which form is theirs. A form whose items are points
    in space may offer networks of properties what they need:
    points(items) -> list[record | Refusal]: `numbers` [point] and `positions` [point 3] of items of the form, and of
        the domain's own too, for which they are made.
    readouts: column -> name in `networks.equivariant.properties.READOUTS`, where it is known beforehand.
    variants(reference, rows) -> rows of variants of one item, named or written out, as rows of the form; and
    variant_context(reference), what `context` says of such.
    beside(rows, context, table, name) -> rows of a family, then those of `table()`, measured variants of what `context`
    says, with the column `name`; `columns`, numbers that any row has (`--measured`).
    holds(path) -> bool: whether the items of a file have this form.
    context(path) -> mapping of plain values: what its items have in common (proteins: the focus of an alignment and its
        numbering); prepared data keep it.
    And any form whose items aren't the domain's own must offer these:
    plain(item) -> Item: the domain's own item of one of the form's.
    adapt_oracle(oracle) -> Oracle: an oracle of the domain's own items (a plugin's, say) for those of the form.
    """

    name: str
    item_columns: tuple[str, ...]
    """Accepted names of the item's column in a table, most preferred first."""
    formats: tuple[str, ...]
    """File endings that `read` accepts, such as ".smi"."""
    properties: Mapping[str, Property]
    recipes: Mapping[str, Recipe]
    default_recipe: str

    def read(self, path: Path, column: str | None = None) -> Iterator[Row]:
        """Stream the rows of a user's file; numeric columns of tables come in `values`."""

    def write(
        self, path: Path, items: Sequence[Item], names: Sequence[str], values: Mapping[str, Sequence[Any]],
        origin: Origin | None = None,
    ) -> None:  # fmt: skip
        """Structures beside a table, in the format of the ending (molecules: .sdf, .smi)."""

    def parse(self, text: str) -> Item | Refusal:
        """Read and standardize one item. Must be called in a killable worker for untrusted text."""

    def text(self, item: Item) -> str:
        """The item as one cell of a table; `parse(text(item))` is the item again."""

    def key(self, item: Item) -> str:
        """Identity: equal keys are the same thing (budget, cache, duplicates)."""

    def similarity(self, items: Sequence[Item], references: Sequence[Item]) -> np.ndarray:
        """[item reference] in 0..1."""

    def nearest(self, items: Sequence[Item], references: Sequence[Item]) -> np.ndarray:
        """[item] greatest similarity to any reference; may be much faster than `similarity(...).max(1)`."""

    def mutate(self, item: Item, generator: np.random.Generator) -> Item | Refusal:
        """A small random move in the domain's own language; the control that a latent search must beat."""

    def measure(self, items: Sequence[Item], names: Sequence[str]) -> np.ndarray:
        """[item property] of computed properties, NaN where one fails."""

    def oracle(self, name: str) -> Oracle:
        """A built-in oracle by name (every property is one; others such as `alerts`, `pmo:zaleplon_mpo`)."""

    def oracle_names(self) -> Sequence[str]: ...

    def features(self, items: Sequence[Item]) -> np.ndarray:
        """[item feature] for property regressors: fingerprints and descriptors."""

    def groups(self, items: Sequence[Item]) -> list[str]:
        """A label per item for splits that mean something (molecules: the scaffold), "" for one that is alone."""

    def constraint(self, keep: Sequence[str], forbid: Sequence[str]) -> Callable[[Item], bool]:
        """Keep-this and forbid-this patterns in the domain's language (molecules: SMARTS) as one test."""

    def evaluate(
        self, samples: Sequence[str], reference: Sequence[str], training: Sequence[str] | None
    ) -> dict[str, float]:
        """Distribution metrics of generated items against held-out ones."""

    def render(self, item: Item, width: int = 220, height: int = 160) -> str:
        """The item as a picture for a page: an SVG element or an <img> with a data: URI."""
