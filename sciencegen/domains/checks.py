"""Checks whether a domain satisfies the contract of `domains.base`, part by part.

Here are the laws of the optional parts, which hold for a domain without the part, and of the representations and models
of recipes, before any training.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path

import numpy as np

from sciencegen.config.data import CutoutSettings
from sciencegen.domains.base import Domain
from sciencegen.domains.capabilities import BlockMoves, Form
from sciencegen.domains.laws import CORE_LAWS, ContractError, Law, Subject, is_picture, law, parses
from sciencegen.domains.lazy import imported
from sciencegen.domains.recipes import Recipe, Representation
from sciencegen.errors import ConfigError, SciencegenError
from sciencegen.items import ArchiveMember, Cell, ImagePart, Item, Part, Refusal

__all__ = ["LAWS", "ContractError", "check_domain"]

DRAWS = 20


@law("form", "plain items and oracles are the domain's own", "Remove from an item the data that only the form has.")
def bad_form(subject: Subject) -> str:
    form = subject.domain.form
    if form is None:
        return ""
    base, _ = _plain(subject)
    texts = [base.items.text(item) for item in form.plain_items(subject.items)]
    refused = [found.reason for found in map(base.items.parse, texts) if isinstance(found, Refusal)]
    if refused:
        return f"a plain item that {base.name} refuses: {refused[0]}"
    name = next(iter(base.properties))
    plain = base.oracles.find(name)
    adapted = form.adapt_oracle(plain)
    same = adapted.score(subject.items) == plain.score(form.plain_items(subject.items))
    return "" if same and adapted.name == name else f"other scores of {name}"


def _plain(subject: Subject) -> tuple[Domain, Callable[[Item], Item]]:
    """The domain itself and a function that converts items to it: moves may keep data that only the form has."""
    form, domain = subject.domain.form, subject.domain
    if form is None:
        return domain, lambda item: item
    from sciencegen.domains import load_domain

    return load_domain(domain.name.partition("/")[0]), form.plain


@law("moves", "each gives items, or refusals now and then", "Return a Refusal where nothing can be made.")
def bad_moves(subject: Subject) -> str:
    moves, items = subject.domain.moves, subject.items
    if moves is None:
        return ""
    for name, move in (("mutate", moves.mutate), ("edit", moves.edit)):
        generator = subject.generator
        made = [] if move is None else [move(items[row % len(items)], generator) for row in range(DRAWS)]
        if wrong := _unparsed(subject, made):
            return f"{wrong} from `{name}`"
        if made and all(isinstance(one, Refusal) for one in made):
            return f"{DRAWS} refusals from `{name}`, the first: {made[0].reason}"
    generator, cross = subject.generator, moves.recombine
    return "" if cross is None else _unparsed(subject, [cross(items[0], items[1], generator) for _ in range(DRAWS)])


def _unparsed(subject: Subject, made: list[Item | Refusal]) -> str:
    base, plain = _plain(subject)
    wrong = [plain(one) for one in made if not isinstance(one, Refusal) and not parses(base, plain(one))]
    return f"'{base.items.text(wrong[0])[:60]}', which is read as another item or as none" if wrong else ""


@law("moves", "one seed gives one item", "Draw from the generator that is handed over.")
def moves_without_seed(subject: Subject) -> str:
    (base, plain), moves, items = _plain(subject), subject.domain.moves, subject.items
    for move in () if moves is None else filter(None, (moves.mutate, moves.edit)):
        made = [move(items[0], subject.generator) for _ in range(2)]
        if len({one.reason if isinstance(one, Refusal) else base.items.key(plain(one)) for one in made}) > 1:
            return "two items from one seed"
    return ""


@law(
    "moves.from_blocks",
    "items made from blocks have a cell in each column, the first makes them again",
    "Note how each item is made.",
)
def bad_built_items(subject: Subject) -> str:
    make = None if subject.domain.moves is None else subject.domain.moves.from_blocks
    if make is None:
        return ""
    try:
        moves = make(subject.items, [""] * len(subject.items), 2)
    except ConfigError:  # the examples don't go together
        return ""
    made = [one for one in moves.draw(DRAWS, subject.generator) if not isinstance(one, Refusal)]
    columns = list(moves.columns(made).values())
    if (lengths := {len(column) for column in columns}) != {len(made)}:
        return _unparsed(subject, made) or f"columns of {lengths} for {len(made)} items"
    lost = (cell for item, cell in zip(made, columns[0], strict=True) if not _made_again(subject, moves, item, cell))
    return _unparsed(subject, made) or next((f"another item by '{str(cell)[:60]}', or none" for cell in lost), "")


def _made_again(subject: Subject, moves: BlockMoves, item: Item, cell: Cell) -> bool:
    """Whether the text of how an item is made gives it again, and what it takes is known."""
    again, key = moves.enter(str(cell)), subject.domain.items.key
    return not isinstance(again, Refusal) and key(again) == key(item) and moves.materials(item) is not None


@law("moves.constraint", "no patterns accept every item", "Test patterns only.")
def strict_constraint(subject: Subject) -> str:
    moves = subject.domain.moves
    test = None if moves is None else moves.constraint([], [], None)
    refused = [item for item in subject.items if test is not None and not test(item)]
    return f"'{subject.domain.items.text(refused[0])[:60]}' refused" if refused else ""


@law("variants", "names of single changes are parsed and returned unchanged", "Write one name for each.")
def bad_names(subject: Subject) -> str:
    variants = subject.domain.variants
    if variants is None:
        return ""
    base, plain = _plain(subject)
    reference = variants.read_reference(base.items.text(plain(subject.items[0])), 1)
    names = variants.names(reference)
    for name in islice(names.all_singles(), DRAWS):
        text, read = variants.text_of(reference, name), names.read(name)
        if isinstance(text, Refusal) or isinstance(read, Refusal) or read != (name, text):
            return f"{text!r:.40} and {read!r:.40} for '{name}'"
        if variants.name_of(reference, text) != name:
            return f"{variants.name_of(reference, text)!r} for the variant '{name}'"
    return "" if names.all_singles() else "no single changes"


@law("design.space", "a space accepts its origin and its own moves", "Move within the space.")
def bad_space(subject: Subject) -> str:
    design = subject.domain.design
    if design is None:
        return ""
    space, generator = design.space([subject.items[0]]), subject.generator
    origin = space.origin
    if not space.accepts(origin):
        return "its origin refused"
    made = [space.mutate(origin, generator) for _ in range(DRAWS)]
    outside = [one for one in made if not isinstance(one, Refusal) and not space.accepts(one)]
    return "an item of its own `mutate` refused" if outside else ""


@law("design", "there is a row and a set of marks for each item", "Return one for each item.")
def bad_design_rows(subject: Subject) -> str:
    design, items = subject.domain.design, subject.items[:1]
    if design is None:
        return ""
    rows = design.features(items, items[0]) if design.features else None
    marks = design.marks(items, items[0]) if design.marks else [set()]
    return "" if len(marks) == 1 and (rows is None or len(rows) == 1) else f"{rows!r:.40}, {marks!r:.40} of one item"


@law("observation", "a loaded instrument observes as the fitted one does", "Write all it needs in `to_json`.")
def bad_instrument(subject: Subject) -> str:
    observation, items = subject.domain.observation, subject.items
    instrument = None if observation is None else observation.fit(items)
    if observation is None or instrument is None:
        return ""
    loaded = observation.load(json.loads(json.dumps(instrument.to_json())))
    first, second = instrument.observed(items, 0), loaded.observed(items, 0)
    if len(first) != len(items):
        return f"{len(first)} items of {len(items)}"
    same = all(
        isinstance(a, Refusal) or subject.keys([a]) == subject.keys([b]) for a, b in zip(first, second, strict=True)
    )
    return "" if same else "other items from a loaded instrument, or of the same seed"


@law("sidecar.text_at", "it returns the text of each item in the file", "Count items from 0.")
def misplaced_texts(subject: Subject) -> str:
    sidecar, items = subject.domain.sidecar, subject.domain.items
    if sidecar is None:
        return ""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"items{sidecar.ending}"
        items.write(path, subject.items, [f"i{row}" for row in range(len(subject.items))], {}, None)
        found = [items.parse(sidecar.text_at(path, row)) for row in range(len(subject.items))]
        refused = [one.reason for one in found if isinstance(one, Refusal)]
        same = not refused and subject.keys(found) == subject.keys(subject.items)
    return "" if same else f"{refused[0] if refused else 'another item'}"


@law("structures.points", "there are numbers [point] and positions [point 3] of each item", "Return one for each.")
def bad_points(subject: Subject) -> str:
    structures = subject.domain.structures
    if structures is None or structures.points is None:
        return ""
    found = structures.points(subject.items)
    wrong = [
        one for one in found
        if not isinstance(one, Refusal) and np.shape(one.positions) != (len(one.numbers), 3)
    ]  # fmt: skip
    return f"{wrong[0]!r:.60}" if wrong or len(found) != len(subject.items) else ""


@law("pictures.render_alike", "there is an SVG element or an <img> for each item", "Return '<svg ...>...</svg>'.")
def bad_galleries(subject: Subject) -> str:
    pictures, items = subject.domain.pictures, subject.items[:3]
    if pictures is None or pictures.render_alike is None:
        return ""
    found = pictures.render_alike(items, 220, 160)
    return "" if len(found) == len(items) and all(map(is_picture, found)) else f"{found!r:.60}"


@law("pictures.letters", "letters have one class, aligned rows a letter in each column", "None for no columns.")
def bad_letters(subject: Subject) -> str:
    letters = subject.domain.pictures.letters if subject.domain.pictures else None
    if letters is None:
        return ""
    known, texts = letters.alphabet, [subject.domain.items.text(item) for item in subject.items]
    if len(set(known)) != len(known):
        return f"a letter in two classes, among {known}"
    sites = letters.align(texts, None)
    rows = [] if sites is None else [row for row in sites.rows if row is not None]
    right = sites is None or (len(sites.rows) == len(texts) and all(len(row) == len(sites.columns) for row in rows))
    return "" if right else f"{sites!r:.60}"


@law("reference_sets", "notes are `MetricNote`s, sets have names", "Use `capabilities.MetricNote`.")
def bad_notes(subject: Subject) -> str:
    sets = subject.domain.reference_sets
    if sets is None:
        return ""
    wrong = {name: one for name, one in sets.notes.items() if one.direction not in (None, "maximize", "minimize")}
    names = [*sets.held_out(), *sets.training()]
    return f"{wrong}, {names}" if wrong or not all(isinstance(name, str) for name in names) else ""


@law("objects", "an object of an item is the item again, and other objects have no text", "Write all that `of` gives.")
def bad_objects(subject: Subject) -> str:
    objects, domain = subject.domain.objects, subject.domain
    if objects is None:
        return ""
    if objects.text(object()) is not None:
        return f"{objects.text(object())!r:.60} of an object of no kind, expected None"
    for item in subject.items:
        text = objects.text(objects.of(item))
        again = Refusal("None, for no object") if text is None else domain.items.parse(text)
        if isinstance(again, Refusal) or domain.items.key(again) != domain.items.key(item):
            why = again.reason if isinstance(again, Refusal) else "another item"
            return f"{why} from the object of '{domain.items.text(item)[:60]}'"
    return ""


@law(
    "orders",
    "each item has a cell in each column, always the same, or a refusal",
    "Return all columns, and draw no random numbers without a seed.",
)
def bad_orders(subject: Subject) -> str:
    orders = subject.domain.orders
    if orders is None:
        return ""
    try:
        orders.check({})
    except ConfigError:  # an optional library is missing
        return ""
    names = list(orders.columns({}))
    for item in subject.items:
        cells, again = orders.cells(item, {}), orders.cells(item, {})
        if cells != again or (not isinstance(cells, Refusal) and list(cells) != names):
            return f"{cells!r:.60}, then {again!r:.60}, expected the columns {', '.join(names)}"
    return ""


@law("forms", "each import string leads to a form with its own name", "Give it `form=Form(...)` and its name.")
def bad_forms(subject: Subject) -> str:
    for name, target in subject.domain.forms.items():
        found = imported(target)
        expected = f"{subject.domain.name}/{name}"
        if not isinstance(found, Domain) or not isinstance(found.form, Form) or found.name != expected:
            return f"{found!r:.60} at {target}, for '{expected}'"
    return ""


@law("sequences.assign", "an item stays the same with its own sequence", "Replace nothing but the sequence.")
def bad_sequences(subject: Subject) -> str:
    sequences, form = subject.domain.sequences, subject.domain.form
    if sequences is None or form is None:
        return ""
    for item in subject.items:
        made = sequences.assign(item, form.plain(item), "")
        if isinstance(made, Refusal):
            return f"a refusal: {made.reason}"
        if subject.keys([made]) != subject.keys([item]):
            return f"'{subject.domain.items.text(made)[:60]}'"
    return ""


@law("coded_files", "the parts of a file, one after the other, are its bytes", "Yield headers and padding too.")
def lossy_parts(subject: Subject) -> str:
    coded, items = subject.domain.coded_files, subject.domain.items
    if coded is None:
        return ""
    for ending in coded.formats:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, f"items{ending}")
            try:
                items.write(path, subject.items, [str(number) for number in range(len(subject.items))], {})
            except (SciencegenError, ValueError):  # the domain doesn't write this format
                continue
            parts = list(coded.parts(path))
            if any(isinstance(part, ArchiveMember) for part in parts) or path.name.lower().endswith(".gz"):
                continue
            found = b"".join(map(_bytes, parts))
            if found != path.read_bytes():
                return f"{len(found)} bytes of a {ending} file of {path.stat().st_size}, or other ones"
    return ""


def _bytes(part: Part) -> bytes:
    if isinstance(part, ImagePart):
        return np.ascontiguousarray(part.array).tobytes()
    return part if isinstance(part, bytes) else b""


@law(
    "cutouts",
    "errors of the files are raised by the call",
    "Open the image before the first cut; return a generator, don't be one.",
)
def cuts_of_nothing(subject: Subject) -> str:
    cutouts = subject.domain.cutouts
    if cutouts is None:
        return ""
    for ending in cutouts.formats:
        with tempfile.TemporaryDirectory() as folder:
            try:
                cutouts.cut(Path(folder, f"none{ending}"), Path(folder, "none.csv"), CutoutSettings())
            except SciencegenError:
                continue
            return f"no error of a {ending} file that doesn't exist"
    return ""


# Representations and models of recipes, before any training.

STEP = 0


def fitted(subject: Subject, recipe: Recipe) -> Representation:
    """The recipe's representation, fitted to the examples and to the conditions of the recipe that are properties."""
    names = [name for name in recipe.conditions or () if name in subject.domain.properties]
    texts = [subject.domain.items.text(item) for item in subject.items]
    return recipe.fit(texts, subject.domain.measure(subject.items, names), names)


def own_recipes(subject: Subject) -> list[Recipe]:
    """Recipes that can be fitted to the examples alone: not those of families, which need a context of their file."""
    form = subject.domain.name.partition("/")[2]
    recipes = subject.domain.recipes.values()
    return [recipe for recipe in recipes if recipe.form == form and recipe.family is None and not recipe.completes]


@law("recipes.fit", "a representation encodes and decodes every item, or refuses it", "Return one for each.")
def bad_encoding(subject: Subject) -> str:
    for recipe in own_recipes(subject):
        representation = fitted(subject, recipe)
        encoded = representation.encode(subject.items)
        good = [row for row in encoded if not isinstance(row, Refusal)]
        if len(encoded) != len(subject.items) or not good:
            return (
                f"{len(encoded)} rows of {len(subject.items)} items with {recipe.name}, {len(good)} of them no refusals"
            )
        batch = representation.batch(good, np.full((len(good), len(representation.properties)), np.nan))
        decoded = representation.decode(batch)
        made = [item for item in decoded if not isinstance(item, Refusal)]
        if len(batch) != len(good) or len(decoded) != len(good) or not all(map(subject.parses, made)):
            return f"{len(decoded)} items of {len(good)} rows with {recipe.name}, or one that can't be parsed"
    return ""


@law("recipes.load_representation", "it is the inverse of `to_json`", "Write all that it needs as plain JSON.")
def bad_json(subject: Subject) -> str:
    for recipe in own_recipes(subject):
        written = json.loads(json.dumps(fitted(subject, recipe).to_json()))
        if json.loads(json.dumps(recipe.load_representation(written).to_json())) != written:
            return f"another representation of {recipe.name} after loading"
    return ""


@law("recipes.fit", "a condition has a number for each property, NaN where none is given", "Return a row.")
def bad_conditions(subject: Subject) -> str:
    for recipe in own_recipes(subject):
        representation = fitted(subject, recipe)
        row = representation.condition({})
        if np.shape(row) != (len(representation.properties),) or not np.isnan(row).all():
            return f"{row!r:.60} of {recipe.name} for {representation.properties}"
    return ""


@law(
    "recipes.build",
    "a model encodes, samples and decodes, with a finite loss",
    "See `latent.space.LatentModel`.",
    builds_model=True,
)
def bad_model(subject: Subject) -> str:
    """Latents of a wrong shape, a wrong number of sampled items, or a loss of an untrained model that isn't finite.

    A recipe may refuse the items by a ConfigError, such as one of series those without any; but not every recipe.
    """
    import torch

    recipes = own_recipes(subject)
    refusals = []
    for recipe in recipes:
        representation = fitted(subject, recipe)
        try:
            model = recipe.build(representation, recipe.settings()).eval()
        except ConfigError as error:
            refusals.append(f"a refusal by {recipe.name}: {error}")
            continue
        good = [row for row in representation.encode(subject.items) if not isinstance(row, Refusal)]
        names = list(representation.properties)
        batch = representation.batch(good, np.zeros((len(good), len(names))))
        noise = torch.randn(2, model.latent_size, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            drawn = model.sample(noise)
            made = representation.decode(model.decode(drawn))
            shapes = {tuple(drawn.shape): (2, model.latent_size)}
            with suppress(ConfigError):  # some models can't encode items
                shapes[tuple(model.encode(batch).shape)] = (len(good), model.latent_size)
        wrong = [found for found, expected in shapes.items() if found != expected]
        if wrong or len(made) != 2:
            return f"latents of shapes {wrong} of {recipe.name}, and {len(made)} items of two"
        loss = model.loss(batch, STEP, torch.Generator().manual_seed(0))
        if not torch.isfinite(loss["loss"]):
            return f"a loss of {float(loss['loss'])} of {recipe.name}"
    return refusals[0] if refusals and len(refusals) == len(recipes) else ""


LAWS: tuple[Law, ...] = (
    *CORE_LAWS, bad_form, bad_moves, moves_without_seed, bad_built_items, strict_constraint, bad_names,
    bad_space, bad_design_rows, bad_instrument, misplaced_texts, bad_points, bad_galleries, bad_letters,
    bad_notes, bad_objects, bad_orders, bad_forms, bad_sequences, lossy_parts, cuts_of_nothing, bad_encoding,
    bad_json, bad_conditions, bad_model,
)  # fmt: skip


def check_domain(domain: Domain, examples: Sequence[str], models: bool = True) -> None:
    """Check that a domain satisfies the contract.

    The laws of each part are checked in turn, as scikit-learn's `check_estimator` does for an estimator. Optional parts
    that are None are skipped. Nothing is trained.

    Parameters
    ----------
    domain : Domain
    examples : sequence of str
        Texts of two or more different items, as `items.text` writes them; a few typical ones suffice.
    models : bool
        Whether to build the model of each recipe with its default settings, which takes memory and time.

    Raises
    ------
    ContractError
        For the first law that is violated: the part, what was expected, what was found, and a remedy.

    Examples
    --------
    >>> from sciencegen.domains import load_domain
    >>> from sciencegen.domains.checks import check_domain
    >>> check_domain(load_domain("proteins"), ["MKVLAT", "MKVLAS", "MRVLAT"])
    """
    subject = Subject(domain, tuple(examples))
    for one in (one for one in LAWS if models or not one.builds_model):
        one.check(subject)
