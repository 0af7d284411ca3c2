"""Biopython's chains as backbones; what isn't one whole chain is refused with the reason."""

from copy import deepcopy
from dataclasses import replace

import numpy as np

from sciencegen.domains.proteins.backbones.files import OBJECTS, parse
from tests.domains.proteins.backbones.examples import chains


def test_a_chain_a_model_and_a_structure_are_one_item():
    item = chains()[0]
    structure = OBJECTS.of(item)
    model = next(iter(structure))
    for given in (item, structure, model, next(iter(model))):
        found = parse(OBJECTS.text(given))
        assert np.array_equal(found.coordinates, item.coordinates)
        assert (found.sequence, found.numbers) == (item.sequence, item.numbers)


def test_what_is_not_one_whole_chain_is_refused():
    item = chains()[0]
    model = next(iter(OBJECTS.of(item)))
    second = deepcopy(next(iter(model)))
    second.id = "B"
    model.add(second)
    assert "2 chains of amino acids: A, B; pass one chain" in parse(OBJECTS.text(model)).reason
    for residue in [one for one in second if 4 < one.id[1] < 9]:
        second.detach_child(residue.id)
    assert "residues are missing in chain B: its pieces are 1 to 4, 9 to" in parse(OBJECTS.text(second)).reason
    for residue in list(second):
        second.detach_child(residue.id)
    assert "0 chains" in parse(OBJECTS.text(second)).reason


def test_an_assembly_has_all_its_chains():
    assembly = OBJECTS.of(replace(chains()[0], symmetry="C3"))
    assert len(list(next(iter(assembly)))) == 3
