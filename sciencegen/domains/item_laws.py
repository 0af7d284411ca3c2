"""Laws of items, their files, and their properties."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import numpy as np

from sciencegen.compression.archive import ArchiveMember, ImagePart, Part
from sciencegen.config import CutoutSettings
from sciencegen.data.writers import write_table
from sciencegen.domains.laws import CLOSE, FEWEST_EXAMPLES, Law, Subject, shape_breach
from sciencegen.errors import SciencegenError
from sciencegen.items import Property, Refusal

NAME = re.compile(r"[a-z][\w-]*", re.ASCII | re.IGNORECASE)
"""Names are words of the command line and of paths."""


def unnamed(subject: Subject) -> str:
    """A name that isn't a word, that contains "/" though the domain isn't a form, or that lacks it in a form."""
    name = subject.domain.name
    parts = name.split("/")
    words = len(parts) == (1 if subject.domain.form is None else 2) and all(map(NAME.fullmatch, parts))
    return "" if words else f"'{name}'"


def unread_examples(subject: Subject) -> str:
    """The first example that is refused, or the number of examples if there are too few."""
    refused = {text: subject.domain.items.parse(text) for text in subject.texts}
    found = [f"'{text[:40]}': {one.reason}" for text, one in refused.items() if isinstance(one, Refusal)]
    return found[0] if found else "" if len(subject.items) >= FEWEST_EXAMPLES else f"{len(subject.items)} examples"


def not_inverse(subject: Subject) -> str:
    """The first item whose text isn't parsed to the same item."""
    wrong = [item for item in subject.items if not subject.parses(item)]
    return f"another item or a refusal of '{subject.domain.items.text(wrong[0])[:60]}'" if wrong else ""


def no_single_cell(subject: Subject) -> str:
    """A text that is empty, contains a line break, or isn't a str."""
    texts = [subject.domain.items.text(item) for item in subject.items]
    wrong = [text for text in texts if not isinstance(text, str) or not text or "\n" in text]
    return f"{wrong[0]!r:.60}" if wrong else ""


def no_refusal_of_nothing(subject: Subject) -> str:
    """The result of parsing "", if it isn't a Refusal with a reason."""
    found = subject.domain.items.parse("")
    return "" if isinstance(found, Refusal) and found.reason else f"{found!r:.60}"


def bad_formats(subject: Subject) -> str:
    """Formats that don't start with a dot, or an empty `formats` or `columns`."""
    items = subject.domain.items
    wrong = [ending for ending in items.formats if not ending.startswith(".")]
    return (
        f"formats {items.formats} and columns {items.columns}"
        if wrong or not items.formats or not items.columns
        else ""
    )


def unread_tables(subject: Subject) -> str:
    """Rows of a CSV whose texts or numbers aren't those written; forms and domains without CSV pass."""
    items = subject.domain.items
    if ".csv" not in items.formats or subject.domain.form is not None:  # tables of forms may have other columns
        return ""
    with tempfile.TemporaryDirectory() as folder:
        texts = [items.text(item) for item in subject.items]
        path = Path(folder) / "items.csv"
        write_table(path, {items.columns[0]: texts, "measured": list(map(float, range(len(texts))))})
        rows = list(items.read(path, None))
    found = [row.text for row in rows] == texts and [row.values.get("measured") for row in rows] == list(
        range(len(texts))
    )
    return "" if found else f"{len(rows)} rows, the first {rows[:1]!r:.120}"


def unread_files(subject: Subject) -> str:
    """Items that are missing or refused when a written file is read, for each format that `write` accepts."""
    items, expected, written = subject.domain.items, len(set(subject.keys(subject.items))), 0
    with tempfile.TemporaryDirectory() as folder:
        for ending in items.formats:
            path = Path(folder) / f"items{ending}"
            try:
                items.write(path, subject.items, [f"i{row}" for row in range(len(subject.items))], {}, None)
            except (SciencegenError, ValueError):
                continue
            written += 1
            found = [items.parse(row.text) for row in items.read(path, None)]
            refused = [one.reason for one in found if isinstance(one, Refusal)]
            if refused or len(found) < expected:
                return (
                    f"{refused[0] if refused else f'{len(found)} items of {expected}'} in what was written as {ending}"
                )
    return "" if written else f"no format among {items.formats} that it writes"


def unknown_given(subject: Subject) -> str:
    """Names in `items.given` that aren't properties."""
    unknown = subject.domain.items.given - set(subject.domain.properties)
    return f"{sorted(unknown)}" if unknown else ""


def labels_without_text(subject: Subject) -> str:
    """Labels that aren't a str, by name."""
    found = {name: label("row 1") for name, label in subject.domain.items.labels.items()}
    wrong = {name: value for name, value in found.items() if not isinstance(value, str)}
    return f"{wrong}" if wrong else ""


def simulated_together(subject: Subject) -> str:
    """Simulated rows that differ when they are simulated one by one; domains without `simulate` pass."""
    simulate = subject.domain.items.simulate
    if simulate is None:
        return ""
    both, apart = simulate({}, 0, 0, 2), [*simulate({}, 0, 0, 1), *simulate({}, 0, 1, 2)]
    return "" if both == apart else "other rows where they are made one by one"


def bad_properties(subject: Subject) -> str:
    """The first field of a property that is wrong, or that there are no properties."""
    found = (_wrong_field(name, known) for name, known in subject.domain.properties.items())
    return next(filter(None, found), "" if subject.domain.properties else "no properties")


def _wrong_field(name: str, known: Property) -> str:
    if known.name != name:
        return f"name='{known.name}' under the key '{name}', expected equal names"
    if not known.low < known.high:
        return f"low={known.low:g} and high={known.high:g} of {name}, expected low < high"
    if not known.possible[0] <= known.possible[1]:
        return f"possible={known.possible} of {name}, expected (least, greatest)"
    if not known.tolerance >= 0:
        return f"tolerance={known.tolerance:g} of {name}, expected 0 or more"
    directions = (None, "maximize", "minimize")
    return "" if known.direction in directions else f"direction={known.direction!r} of {name}, expected {directions}"


def measured_shape(subject: Subject) -> str:
    """The shape of measured values that isn't [item property], with or without items."""
    names = list(subject.domain.properties)
    found = subject.domain.measure(subject.items, names)
    breach = shape_breach(found, (len(subject.items), len(names)))
    return breach or shape_breach(subject.domain.measure([], names), (0, found.shape[1]))


def measured_apart(subject: Subject) -> str:
    """A property whose values change when it is measured alone, with the items in reverse order."""
    names = list(subject.domain.properties)
    whole = subject.domain.measure(subject.items, names)
    for column, name in enumerate(names):
        alone = subject.domain.measure(subject.items[::-1], [name])[::-1, 0]
        if not np.allclose(alone, whole[:, column], rtol=CLOSE, atol=CLOSE, equal_nan=True):
            return f"other values of {name} where it is measured alone, or of the items in another order"
    return ""


def impossible_values(subject: Subject) -> str:
    """The first measured value outside a property's `possible` range; NaN passes."""
    for name, known in subject.domain.properties.items():
        values = subject.domain.measure(subject.items, [name])[:, 0]
        outside = values[(values < known.possible[0]) | (values > known.possible[1])]
        if len(outside):
            return f"{name} = {outside[0]:g}, possible are {known.possible[0]:g} to {known.possible[1]:g}"
    return ""


ITEM_LAWS = (
    Law("name", "a domain has a name of letters, digits, - and _, and a form of one `domain/form`", unnamed,
        "Name it as its entry point."),
    Law("items.parse", f"{FEWEST_EXAMPLES} or more examples are items", unread_examples,
        "Correct the examples or `parse`."),
    Law("items.parse", "parse(text(item)) is the item again, by its key", not_inverse, "Write all that `parse` reads."),
    Law("items.parse", "an empty text is refused with a reason", no_refusal_of_nothing, "Return a Refusal for ''."),
    Law("items.text", "a text is one cell of a table", no_single_cell, "Write text without line ends."),
    Law("items.formats", "there are formats (.csv) and columns", bad_formats, "Name one at least."),
    Law("items.read", "a table of texts and numbers is read with both", unread_tables, "Read it by `data.tables`."),
    Law("items.write", "what is written is read again", unread_files, "Write what `read` takes."),
    Law("items.given", "its names are properties", unknown_given, "Remove other names."),
    Law("items.labels", "a label of any name is text", labels_without_text, "Return '' for none."),
    Law("items.simulate", "a row has random numbers of its own", simulated_together, "Seed by (seed, row)."),
    Law("properties", "each has its own name, a range, a direction", bad_properties,
        "Correct this field of the Property."),
    Law("measure", "there is a row for each item, a column for each name", measured_shape, "Return [item property]."),
    Law("measure", "a value follows from its item alone", measured_apart, "Measure items one by one."),
    Law("measure", "values are possible ones", impossible_values, "Widen `possible`, or return NaN for a failure."),
)  # fmt: skip


# Laws of the optional parts for files of images: `coded_files` and `cutouts`.


def lossy_parts(subject: Subject) -> str:
    """A file of items whose parts, one after the other, aren't its bytes."""
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


def cuts_of_nothing(subject: Subject) -> str:
    """An image that doesn't exist, without an error."""
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


IMAGE_LAWS = (
    Law("coded_files", "the parts of a file, one after the other, are its bytes", lossy_parts,
        "Yield headers and padding too."),
    Law("cutouts", "errors of the files are raised by the call", cuts_of_nothing,
        "Open the image before the first cut; return a generator, don't be one."),
)  # fmt: skip


# A law of the optional part `sequences`.


def bad_sequences(subject: Subject) -> str:
    """An example that becomes another item, or none, when its own sequence is assigned to it."""
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


SEQUENCE_LAWS = (
    Law("sequences.assign", "an item stays the same with its own sequence", bad_sequences,
        "Replace nothing but the sequence."),
)  # fmt: skip
