import pytest

from sciencegen.domains.molecules.items import parse
from sciencegen.domains.molecules.synthesis.routes import make_stock, slots_of
from sciencegen.errors import ConfigError


def test_blocks_fit_their_slots(stock):
    for slot, indices in stock.fitting.items():
        assert all(slot in slots_of(stock.molecules[index]) for index in indices.tolist())


def test_equal_blocks_are_kept_once():
    stock = make_stock([parse(one) for one in ("CC(=O)O", "OC(C)=O", "NCc1ccccc1")], ["first", "second", ""])
    assert len(stock) == 2
    assert (stock.name("CC(=O)O"), stock.name("NCc1ccccc1")) == ("first", "NCc1ccccc1")


def test_unused_blocks_are_counted():
    stock = make_stock([parse(one) for one in ("CC(=O)O", "NCc1ccccc1", "C", "CCC")])
    assert stock.unused == 2


@pytest.mark.parametrize("texts", [[], ["C"], ["OB(O)c1ccccc1"]])
def test_stock_without_reactions_is_refused(texts):
    with pytest.raises(ConfigError, match="building blocks that react"):
        make_stock([parse(one) for one in texts])
