"""Folding in batches: each pair gets the values of its own sequence, and a failing call fails its own batch."""

from __future__ import annotations

import pytest

from sciencegen.api.sequences import Folding
from sciencegen.config import ProgramSettings
from sciencegen.domains.proteins.backbones.files import ITEMS
from sciencegen.domains.proteins.backbones.form import DOMAIN
from sciencegen.items import Refusal
from tests.domains.proteins.backbones.examples import chains
from tests.domains.proteins.backbones.programs import fold_program

CHAINS = chains()[:4]
PAIRS = [(one, one.sequence) for one in CHAINS]


@pytest.fixture
def folding(tmp_path):
    ITEMS.write(tmp_path / "designs.pdb", CHAINS, list("abcd"), {})

    def make(skip="lambda sequence: False", **limits):
        command = fold_program(tmp_path, tmp_path / "designs.pdb", skip)
        settings = ProgramSettings(command=command, retries=0, **limits)
        return Folding("proteins", DOMAIN.sequences.predictions, settings)

    return make


def test_the_size_of_batches_changes_nothing(folding):
    together = folding(batch_size=4).compare(PAIRS)
    assert folding(batch_size=1, parallel=2).compare(PAIRS) == together
    assert folding(batch_size=3).compare(PAIRS[::-1]) == together[::-1]
    assert len({values["sc_rmsd"] for values in together}) == len(PAIRS)


def test_a_failing_call_fails_its_own_batch(folding):
    found = folding(f"lambda sequence: sys.exit(3) if len(sequence) == {len(CHAINS[2])} else False", batch_size=2)
    values = found.compare(PAIRS)
    assert [isinstance(one, Refusal) for one in values] == [False, False, True, True]
    assert values[2].reason == "exit code 3"


def test_no_pairs_call_no_program(folding):
    assert folding("lambda sequence: sys.exit(3)").compare([]) == []


def test_an_output_that_is_no_structure_fails(tmp_path):
    settings = ProgramSettings(command="cp {input} {output}", retries=0)
    (found, _) = Folding("proteins", DOMAIN.sequences.predictions, settings).compare(PAIRS[:2])
    assert isinstance(found, Refusal)
    assert "no structure with this sequence" in found.reason
    assert "Expected a structure in PDB or mmCIF format in output" in found.reason
