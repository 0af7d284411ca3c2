"""Real chains for tests: some of the hold-out's files, and of the table of backbones."""

from functools import cache
from itertools import islice

import numpy as np
import pytest

from sciencegen.data.cards import load_card
from sciencegen.domains.proteins.backbones.files import parse, read, read_backbones
from tests.domains.proteins.backbones.examples import DATA


@cache
def holdout(count):
    """The items of the first files, one of each."""
    found = []
    for path in sorted((DATA / "structures").glob("*.pdb.gz"))[:count]:
        pieces = read_backbones(path)
        assert len(pieces) == 1, path
        found.append(pieces[0].item)
    return found


@cache
def committed(count):
    """The first chains of the dataset's committed sample."""
    card = load_card("proteins/backbones")
    rows = (row for rows in card.sample_rows(read).values() for row in rows)
    return [parse(row.text) for row in islice(rows, count)]


@cache
def table_of_backbones(count):
    """[residue 4 3] of evenly spaced globular chains."""
    return [places for places, _ in _rows(count)]


@cache
def known_structure(count):
    """[residue 4 3] and DSSP's letters of evenly spaced globular chains."""
    return list(_rows(count))


@cache
def native_file():
    """The table of backbones; without it the test is skipped."""
    path = DATA / "backbones.npz"
    if not path.exists():
        pytest.skip(f"native chains are absent: {path}")
    with np.load(path, allow_pickle=False) as stored:
        return dict(stored)


def natives(count):
    """Evenly spaced native chains, with the secondary structure that DSSP assigned, in its own letters."""
    stored = native_file()
    rows = np.linspace(0, len(stored["length"]) - 1, count).astype(int)
    offset = stored["offset"]
    return [(stored["xyz"][offset[row] : offset[row + 1]] / 100.0, str(stored["dssp"][row])) for row in rows]


def _rows(count):
    table = native_file()
    rows = np.flatnonzero(table["globular"] & table["rep30"])
    xyz, offset, letters = table["xyz"], table["offset"], table["dssp"]
    for row in rows[:: len(rows) // count][:count]:
        yield xyz[offset[row] : offset[row + 1]].astype(float) / 100, str(letters[row])
