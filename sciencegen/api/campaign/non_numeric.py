"""Measurements that are no number (`>5`, `n.d.`): they are not used, and their items stay pending."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from sciencegen.api.science.naming import parse_texts
from sciencegen.data.writers import REJECT_COLUMNS, Refused, escape, rejects_path, without_mark
from sciencegen.domains.base import Domain
from sciencegen.domains.capabilities import Reference
from sciencegen.items import Refusal

NOT_RECORDED = ": not recorded"
"""End of the reason for refusing such a row."""


def rejected(journal: str | Path) -> Iterator[Refused]:
    """The rows of `<journal>.rejects.csv`; none if there is no such file."""
    path = rejects_path(journal)
    if not path.is_file():
        return
    with path.open(encoding="utf-8", errors="replace", newline="") as handle:
        for row in csv.DictReader(handle):
            _, item, reason = (row.get(name) or "" for name in REJECT_COLUMNS)
            yield 0, without_mark(item), reason


def count_unread(
    science: Domain,
    waiting: Sequence[tuple[str, str]],
    refused: Sequence[Refused],
    target: str,
    reference: Reference | None,
) -> int:
    """Count the pending items that were refused for a value that is no number. waiting: (text, name) of each.
    reference: names in refused texts refer to it, or None."""
    texts = {item for _, item, reason in refused if reason.endswith(NOT_RECORDED) and f" in '{target}', " in reason}
    if not texts:
        return 0
    items = parse_texts(science, sorted(texts), reference)
    keys = {science.items.key(item) for item in items if not isinstance(item, Refusal)}
    # A long item is cut off in the rejects and can't be parsed, so its displayed text is compared.
    known = [escape(text) in texts or name in texts - {""} for text, name in waiting]
    return sum(
        one or science.items.key(science.items.parse(text)) in keys
        for one, (text, _) in zip(known, waiting, strict=True)
    )
