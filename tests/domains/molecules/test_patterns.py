"""Keep-this and forbid-this."""

import pytest

from sciencegen.domains.molecules import DOMAIN
from sciencegen.errors import ConfigError

CASES = [
    ((), (), "CCO", True),
    (("c1ccccc1",), (), "Cc1ccccc1C", True),
    (("c1ccccc1",), (), "C1CCCCC1", False),
    (("c1ccccc1", "C(=O)N"), (), "NC(=O)c1ccccc1", True),
    (("c1ccccc1", "C(=O)N"), (), "Cc1ccccc1", False),
    ((), ("[N+](=O)[O-]",), "O=[N+]([O-])c1ccccc1", False),
    ((), ("[N+](=O)[O-]",), "Nc1ccccc1", True),
    (("c1ccccc1[*:1]",), (), "CCc1ccccc1", True),  # only the marked atom is substituted
    (("c1ccccc1*",), (), "CCc1ccccc1", True),
    (("c1ccccc1*",), (), "c1ccccc1", True),  # it may be, it needn't
    (("c1ccccc1*",), (), "CCc1ccccc1C", False),  # a second atom is
    (("c1ccccc1*",), (), "c1ccc2ccccc2c1", False),
    (("*c1ccccc1*",), (), "CCc1ccccc1C", True),  # two neighbours marked: ortho
    (("*c1ccccc1*",), (), "CCc1ccc(C)cc1", False),  # para
    (("CN*",), (), "CNCC", True),
    (("CN*",), (), "CN(C)C", False),  # one point, two substituents
    (("CN(*)*",), (), "CN(CC)CC", True),
    (("C*C",), (), "CCCC", True),  # a star inside a chain is any atom, no attachment point
    (("[C;!R]*",), (), "CCO", True),
]


@pytest.mark.parametrize(("keep", "forbid", "smiles", "expected"), CASES)
def test_constraint(keep, forbid, smiles, expected):
    assert DOMAIN.moves.constraint(keep, forbid, None)(DOMAIN.items.parse(smiles)) is expected


@pytest.mark.parametrize("pattern", ["", "c1ccccc", "[C", "not smarts", None])
@pytest.mark.parametrize("purpose", ["keep", "forbid"])
def test_a_bad_pattern_is_named(pattern, purpose):
    with pytest.raises(ConfigError, match=f"'{purpose}'"):
        DOMAIN.moves.constraint(**{"keep": (), "forbid": (), "reference": None, purpose: (pattern,)})
