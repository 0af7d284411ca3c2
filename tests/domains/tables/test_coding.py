"""Rows as vectors of real numbers: read back what was written, probabilities of codes, gaps."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Generator

from sciencegen.batch import Batch
from sciencegen.domains.tables import representation as tables
from sciencegen.domains.tables import rows
from sciencegen.domains.tables.column_choice import columns_of
from sciencegen.domains.tables.models import CODES, TableCoding
from tests.domains.tables.known_table import texts

TEXTS = texts(60, seed=4)
REPRESENTATION = tables.fit(TEXTS, np.empty((len(TEXTS), 0)), ())
BATCH = REPRESENTATION.batch(REPRESENTATION.encode([rows.parse(text) for text in TEXTS]))
CODING = TableCoding(columns_of(REPRESENTATION.columns, {}))


def test_numbers_have_one_place_and_classes_one_each_or_one_of_two():
    # height, age, income, visits; of city 3, of smoker 1, of rating 4
    assert CODING.size == 4 + 3 + 1 + 4


@pytest.mark.parametrize("noisy", [False, True])
def test_codes_are_read_as_the_row_that_they_code(noisy):
    codes = CODING.drawn(BATCH, Generator().manual_seed(0))[0] if noisy else CODING.centre(BATCH)
    known, items = BATCH.mask, [rows.parse(text) for text in TEXTS]
    whole = Batch({CODES: codes[CODES]}, None, None)
    for item, read, there in zip(items, REPRESENTATION.decode(CODING.read(whole)), known, strict=True):
        for place, column in enumerate(REPRESENTATION.columns):
            if there[place]:
                cell = item[column.name]
                assert read[column.name] == (pytest.approx(cell, rel=1e-4) if column.numeric else cell)


def test_unknown_cells_are_zero_and_add_nothing():
    codes, spread = CODING.drawn(BATCH, Generator().manual_seed(0))
    assert (codes[CODES][~codes.mask] == 0).all()
    other = Batch({"values": BATCH["values"].masked_fill(~BATCH.mask, 1.0)}, BATCH.mask)
    assert torch.equal(CODING.drawn(other, Generator().manual_seed(0))[1], spread)


def test_probabilities_of_codes_are_those_of_cells():
    """Of p(v) = the code's own distribution of a uniform class, log p(v) - log q(v | x) is near log 1/2 on average."""
    column = columns_of([one for one in REPRESENTATION.columns if one.name == "smoker"], {})
    coding, count = TableCoding(column), 2000
    value = torch.arange(count)[:, None] % 2.0
    codes, spread = coding.drawn(Batch({"values": value}), Generator().manual_seed(0))
    v = codes[CODES][:, 0]
    each = torch.stack([torch.distributions.Normal(centre, 0.2).log_prob(v) for centre in (-1.0, 1.0)])
    log_p = torch.logsumexp(each, 0) + np.log(0.5)
    torch.testing.assert_close(log_p + spread, torch.full((count,), float(np.log(0.5))), atol=1e-3, rtol=0)
