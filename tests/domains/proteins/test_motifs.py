"""Keep-this and forbid-this."""

import pytest

from sciencegen.domains.proteins import DOMAIN
from sciencegen.errors import ConfigError

GLYCOSYLATION = "N[^P][ST]"


def test_motifs_are_regular_expressions_over_residues():
    kept, forbidden = DOMAIN.constraint([GLYCOSYLATION], []), DOMAIN.constraint([], [GLYCOSYLATION, "^W"])
    assert [kept(protein) for protein in ("MNKSA", "MNPSA", "MKKSA")] == [True, False, False]
    assert [forbidden(protein) for protein in ("MNKSA", "MNPSA", "WKKSA")] == [False, True, False]
    assert DOMAIN.constraint(["n[^p][st]"], [])("MNKSA"), "either case"
    assert DOMAIN.constraint([], [])("M")
    both = DOMAIN.constraint(["K", "S$"], ["W"])
    assert [both(protein) for protein in ("MKS", "MKSA", "MKWS")] == [True, False, False]


@pytest.mark.parametrize(
    ("motif", "message"),
    [
        ("N[^P", r"unterminated character set.*such as N\[\^P\]\[ST\]"),
        ("(", "missing"),
        ("", "Expected a motif in 'forbid', got ''"),
        ("  ", "Expected a motif"),
        ("K*", "which every sequence holds"),
        (7, "got 7"),
    ],
)
def test_a_bad_motif_is_named(motif, message):
    with pytest.raises(ConfigError, match=message):
        DOMAIN.constraint([], [motif])
