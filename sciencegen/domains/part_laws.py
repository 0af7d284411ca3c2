"""Laws of the optional parts. They hold for a domain without the part."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np

from sciencegen.domains.base import Domain
from sciencegen.domains.capabilities import BlockMoves, Form
from sciencegen.domains.laws import Law, Subject, is_picture, parses
from sciencegen.domains.lazy import imported
from sciencegen.errors import ConfigError
from sciencegen.items import Cell, Item, Refusal

DRAWS = 20


def bad_moves(subject: Subject) -> str:
    """A move whose result can't be parsed, or that refuses in all of `DRAWS` attempts."""
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


def _plain(subject: Subject) -> tuple[Domain, Callable[[Item], Item]]:
    """The domain itself and a function that converts items to it: moves may keep data that only the form has."""
    form, domain = subject.domain.form, subject.domain
    if form is None:
        return domain, lambda item: item
    from sciencegen.domains import load_domain

    return load_domain(domain.name.partition("/")[0]), form.plain


def moves_without_seed(subject: Subject) -> str:
    """Two different items from the same seed."""
    (base, plain), moves, items = _plain(subject), subject.domain.moves, subject.items
    for move in () if moves is None else filter(None, (moves.mutate, moves.edit)):
        made = [move(items[0], subject.generator) for _ in range(2)]
        if len({one.reason if isinstance(one, Refusal) else base.items.key(plain(one)) for one in made}) > 1:
            return "two items from one seed"
    return ""


def bad_built_items(subject: Subject) -> str:
    """An item made from blocks that can't be parsed, without a cell in the columns that say how it is made, or that
    these cells don't make again."""
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


def strict_constraint(subject: Subject) -> str:
    """An item that the constraint rejects without any pattern."""
    moves = subject.domain.moves
    test = None if moves is None else moves.constraint([], [], None)
    refused = [item for item in subject.items if test is not None and not test(item)]
    return f"'{subject.domain.items.text(refused[0])[:60]}' refused" if refused else ""


def bad_names(subject: Subject) -> str:
    """A single change whose name isn't parsed to the right item or isn't the item's name, or no single changes."""
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


def bad_space(subject: Subject) -> str:
    """A design space that rejects its origin or an item that its `mutate` returned."""
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


def bad_design_rows(subject: Subject) -> str:
    """Features or marks of one item that aren't one row and one set."""
    design, items = subject.domain.design, subject.items[:1]
    if design is None:
        return ""
    rows = design.features(items, items[0]) if design.features else None
    marks = design.marks(items, items[0]) if design.marks else [set()]
    return "" if len(marks) == 1 and (rows is None or len(rows) == 1) else f"{rows!r:.40}, {marks!r:.40} of one item"


def bad_instrument(subject: Subject) -> str:
    """A wrong number of observed items, or a saved and loaded instrument that observes other items."""
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


def misplaced_texts(subject: Subject) -> str:
    """An item that isn't the parsed `text_at` its position in a written file."""
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


def bad_points(subject: Subject) -> str:
    """Positions that aren't [point 3] with a number for each point, or a wrong number of results."""
    structures = subject.domain.structures
    if structures is None or structures.points is None:
        return ""
    found = structures.points(subject.items)
    wrong = [
        one for one in found
        if not isinstance(one, Refusal) and np.shape(one.positions) != (len(one.numbers), 3)
    ]  # fmt: skip
    return f"{wrong[0]!r:.60}" if wrong or len(found) != len(subject.items) else ""


def bad_galleries(subject: Subject) -> str:
    """Pictures that aren't one SVG element or <img> for each item."""
    pictures, items = subject.domain.pictures, subject.items[:3]
    if pictures is None or pictures.render_alike is None:
        return ""
    found = pictures.render_alike(items, 220, 160)
    return "" if len(found) == len(items) and all(map(is_picture, found)) else f"{found!r:.60}"


def bad_letters(subject: Subject) -> str:
    """A letter that is in two classes, or aligned rows without a letter in each column."""
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


def bad_notes(subject: Subject) -> str:
    """Notes of metrics with an unknown direction, or names of sets that aren't str."""
    sets = subject.domain.reference_sets
    if sets is None:
        return ""
    wrong = {name: one for name, one in sets.notes.items() if one.direction not in (None, "maximize", "minimize")}
    names = [*sets.held_out(), *sets.training()]
    return f"{wrong}, {names}" if wrong or not all(isinstance(name, str) for name in names) else ""


def bad_form(subject: Subject) -> str:
    """A plain item that the domain refuses, or an adapted oracle whose name or scores differ."""
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


def bad_objects(subject: Subject) -> str:
    """An item that isn't read again from its object, or a text of something that is no object of the domain."""
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


def bad_orders(subject: Subject) -> str:
    """An item whose cells aren't those of the columns, or differ from one call to the next."""
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


def bad_forms(subject: Subject) -> str:
    """An import string that doesn't lead to a form, or a form whose name isn't `domain/form`."""
    for name, target in subject.domain.forms.items():
        found = imported(target)
        expected = f"{subject.domain.name}/{name}"
        if not isinstance(found, Domain) or not isinstance(found.form, Form) or found.name != expected:
            return f"{found!r:.60} at {target}, for '{expected}'"
    return ""


PART_LAWS = (
    Law("form", "plain items and oracles are the domain's own", bad_form,
        "Remove from an item the data that only the form has."),
    Law("moves", "each gives items, or refusals now and then", bad_moves,
        "Return a Refusal where nothing can be made."),
    Law("moves", "one seed gives one item", moves_without_seed, "Draw from the generator that is handed over."),
    Law("moves.from_blocks", "items made from blocks have a cell in each column, the first makes them again",
        bad_built_items, "Note how each item is made."),
    Law("moves.constraint", "no patterns accept every item", strict_constraint, "Test patterns only."),
    Law("variants", "names of single changes are parsed and returned unchanged", bad_names, "Write one name for each."),
    Law("design.space", "a space accepts its origin and its own moves", bad_space, "Move within the space."),
    Law("design", "there is a row and a set of marks for each item", bad_design_rows, "Return one for each item."),
    Law("observation", "a loaded instrument observes as the fitted one does", bad_instrument,
        "Write all it needs in `to_json`."),
    Law("sidecar.text_at", "it returns the text of each item in the file", misplaced_texts, "Count items from 0."),
    Law("structures.points", "there are numbers [point] and positions [point 3] of each item", bad_points,
        "Return one for each."),
    Law("pictures.render_alike", "there is an SVG element or an <img> for each item", bad_galleries,
        "Return '<svg ...>...</svg>'."),
    Law("pictures.letters", "letters have one class, aligned rows a letter in each column", bad_letters,
        "None for no columns."),
    Law("reference_sets", "notes are `MetricNote`s, sets have names", bad_notes, "Use `capabilities.MetricNote`."),
    Law("objects", "an object of an item is the item again, and other objects have no text", bad_objects,
        "Write all that `of` gives."),
    Law("orders", "each item has a cell in each column, always the same, or a refusal", bad_orders,
        "Return all columns, and draw no random numbers without a seed."),
    Law("forms", "each import string leads to a form with its own name", bad_forms,
        "Give it `form=Form(...)` and its name."),
)  # fmt: skip
