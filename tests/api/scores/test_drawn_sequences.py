"""Sequences of rows: in order, whatever the threads, with a reason for each row that gets none."""

from __future__ import annotations

import pytest

from sciencegen.api.sequences import Drawn, SequenceDrawing, sequences_of
from sciencegen.config import ProgramSettings
from sciencegen.domains.capabilities import SequenceDraws
from sciencegen.domains.proteins import DOMAIN as PROTEINS
from sciencegen.domains.proteins.backbones.files import ITEMS
from sciencegen.errors import ConfigError
from sciencegen.items import Refusal, Row
from tests.domains.proteins.backbones.examples import chains
from tests.domains.proteins.backbones.programs import design_program

CHAINS = chains()[:4]
ROWS = [Row(line, ITEMS.text(one)) for line, one in enumerate(CHAINS, 1)]
FORM, DRAWS = "proteins/structures", SequenceDraws(count=2, temperature=1.0, keep="1")


@pytest.mark.usefixtures("random_weights")
@pytest.mark.long
def test_neither_threads_nor_neighbours_change_what_is_drawn():
    rows = [ROWS[0], Row(9, "nonsense"), *ROWS[1:]]
    found = list(SequenceDrawing(FORM, DRAWS, threads=1)(rows))
    assert [row for row, _ in found] == rows
    assert isinstance(found[1][1], Refusal)
    again = list(SequenceDrawing(FORM, DRAWS, threads=2)(rows[2:][::-1]))
    assert again[::-1] == found[2:]
    assert all(len(one.sequences) == 2 for row, one in found if row.line != 9)


@pytest.mark.usefixtures("no_weights")
def test_a_row_without_the_residues_to_keep_is_not_given_to_the_program(tmp_path):
    program = ProgramSettings(command=design_program(tmp_path), retries=0)
    drawing = SequenceDrawing(FORM, SequenceDraws(count=1, keep="23"), program, threads=1)
    found = [one for _, one in drawing(ROWS)]
    assert [isinstance(one, Drawn) for one in found] == [len(item) >= 23 for item in CHAINS]
    assert "no residue 23 to keep" in found[0].reason
    assert found[-1].sequences[0][1] is None


def test_a_domain_without_sequences_is_an_error():
    with pytest.raises(ConfigError, match="proteins has none"):
        sequences_of(PROTEINS)
