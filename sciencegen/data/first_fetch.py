"""Files whose publisher states no SHA-256: the checksums of the first download are kept, and later ones are compared.

This finds a file that was replaced or damaged since, and can't tell whether the first one was genuine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sciencegen.data.cards import FIRST_FETCH, Card, FilesSource
from sciencegen.errors import DataError
from sciencegen.files import atomic_write


def record_beside(folder: Path, card: Card) -> Path:
    """The record of a set, beside its folder in the cache: it stays if the folder is deleted."""
    return folder.parent / f"{card.name}.sha256"


def unstated(card: Card) -> tuple[str, ...]:
    """The names of the files that a source of the card has no checksum of."""
    sources = [source for source in card.sources if isinstance(source, FilesSource)]
    return tuple(
        file.name
        for split, file in card.files.items()
        if any(source.files[split].sha256 == FIRST_FETCH for source in sources)
    )


def recorded(record: Path) -> dict[str, str]:
    """The checksums of a record by the names of the files."""
    lines = record.read_text(encoding="utf-8").splitlines() if record.is_file() else []
    if wrong := next((line for line in lines if "  " not in line), None):
        raise DataError(f"Expected lines of a checksum, two spaces and a name in {record}, found '{wrong[:80]}'.")
    return dict(line.split("  ", 1)[::-1] for line in lines)


def check_first(record: Path, found: Mapping[str, str]) -> None:
    """Compare checksums by file name with those of the first fetch; new names are added to the record.

    The record has the form of `sha256sum`. A DataError is raised for another checksum."""
    known = recorded(record)
    for name, digest in found.items():
        if known.get(name, digest) != digest:
            raise DataError(
                f"Expected sha256 {known[name]} of {name}, which it had when it was first fetched ({record}), found "
                f"{digest}. It is damaged, or its publisher has replaced it: if so, delete its line there."
            )
    if not found.keys() <= known.keys():
        with atomic_write(record) as file:
            file.writelines(f"{digest}  {name}\n" for name, digest in {**known, **found}.items())


def note_on(card: Card, folder: Path) -> str:
    """A note for users of a card without stated checksums; "" for other cards."""
    if not unstated(card):
        return ""
    return (
        f"no SHA-256 is stated for {', '.join(unstated(card))} of {card.full_name}. Nobody has verified the files: "
        f"their checksums at the first fetch are in {record_beside(folder, card)}, and other files are refused later. "
        f"Compare the files with the checksums on {card.home}"
    )
