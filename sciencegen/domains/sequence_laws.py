"""A law of the optional part `sequences`."""

from __future__ import annotations

from sciencegen.domains.laws import Law, Subject
from sciencegen.items import Refusal


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
