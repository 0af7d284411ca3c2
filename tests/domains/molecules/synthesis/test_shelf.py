import pytest

from sciencegen.domains.molecules.items import parse
from sciencegen.domains.molecules.synthesis.reactions import slots_of
from sciencegen.domains.molecules.synthesis.shelf import make_shelf
from sciencegen.errors import ConfigError


def test_blocks_fit_their_slots(shelf):
    for slot, indices in shelf.fitting.items():
        assert all(slot in slots_of(shelf.molecules[index]) for index in indices.tolist())


def test_equal_blocks_are_kept_once():
    shelf = make_shelf([parse(one) for one in ("CC(=O)O", "OC(C)=O", "NCc1ccccc1")], ["first", "second", ""])
    assert len(shelf) == 2
    assert (shelf.name("CC(=O)O"), shelf.name("NCc1ccccc1")) == ("first", "NCc1ccccc1")


def test_unused_blocks_are_counted():
    shelf = make_shelf([parse(one) for one in ("CC(=O)O", "NCc1ccccc1", "C", "CCC")])
    assert shelf.unused == 2


@pytest.mark.parametrize("texts", [[], ["C"], ["OB(O)c1ccccc1"]])
def test_shelf_without_reactions_is_refused(texts):
    with pytest.raises(ConfigError, match="building blocks that react"):
        make_shelf([parse(one) for one in texts])
