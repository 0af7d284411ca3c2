"""Keep-this and forbid-this."""

import pytest

from sciencegen.domains.proteins import DOMAIN
from sciencegen.errors import ConfigError

GLYCOSYLATION = "N[^P][ST]"


def test_motifs_are_regular_expressions_over_residues():
    kept, forbidden = DOMAIN.moves.constraint([GLYCOSYLATION], []), DOMAIN.moves.constraint([], [GLYCOSYLATION, "^W"])
    assert [kept(protein) for protein in ("MNKSA", "MNPSA", "MKKSA")] == [True, False, False]
    assert [forbidden(protein) for protein in ("MNKSA", "MNPSA", "WKKSA")] == [False, True, False]
    assert DOMAIN.moves.constraint(["n[^p][st]"], [])("MNKSA"), "either case"
    assert DOMAIN.moves.constraint([], [])("M")
    both = DOMAIN.moves.constraint(["K", "S$"], ["W"])
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
        ("(" * 3000 + "K" + ")" * 3000, r"got '\({200}': maximum recursion"),
        ("K{99999999999}", "too large"),
        ("K" * 10_001, "at most 10000 characters in 'forbid', got 10001"),
    ],
)
def test_a_bad_motif_is_named(motif, message):
    with pytest.raises(ConfigError, match=message):
        DOMAIN.moves.constraint([], [motif])


def test_a_forbidden_motif_may_stay_where_the_wild_type_has_it_and_nowhere_else():
    wild_type = DOMAIN.variants.read_reference("MNKSACAAAC", 10)
    free = DOMAIN.moves.constraint([], [GLYCOSYLATION, "C.{1,3}C"], wild_type)
    assert all(map(free, ("MNKSACAAAC", "MNRTACAAAC"))), "its own places"
    assert all(map(free, ("MAKSACAAAC", "MNPSAAAAAC"))), "gone from them"
    assert not free("MNKSNCSAAC"), "a new one beside the old"
    assert not free("MNKSACACAC"), "a new one within the old"
    assert not free("AMNKSACAAAC"), "another length has no such places"
    assert not DOMAIN.moves.constraint([], [GLYCOSYLATION])("MNKSACAAAC")


@pytest.mark.parametrize(
    ("motif", "wild_type", "accepted", "refused"),
    [
        ("M|N(?=[GS])", "MKASGAAA", "MKASAAAA", "MKANGAAA"),  # a new one that looks ahead
        ("N(?=G)", "MKANGAAA", "MKANGAAK", "MNGNGAAA"),
        ("(?=NG)", "MKANGAAA", "MKANGAAK", "MNGNGAAA"),
        ("(?<=K)$", "MKANGAAK", "MAANGAAK", "MAANGAAKK"),
        ("N.{1,3}S", "MNAAASAA", "MNKKKSAA", "MNASASAA"),  # begins where an old one does
        ("N.{1,3}?S", "MNASAAAA", "MNKSAAAA", "MNASASAA"),
        ("N|NS", "MNASAAAA", "MNAAAAAA", "MNSSAAAA"),
        ("(N)G|\\1\\1|(?i:c)", "MNGCAAAA", "MNGCAAAK", "MCGCAAAA"),
        ("(?i)K", "MKAAAAAA", "MKAAAAAG", "MKKAAAAA"),
    ],
)
def test_places_of_a_motif_are_those_of_the_whole_sequence(motif, wild_type, accepted, refused):
    free = DOMAIN.moves.constraint([], [motif], DOMAIN.variants.read_reference(wild_type))
    assert [free(protein) for protein in (wild_type, accepted, refused)] == [True, True, False]
    assert len(DOMAIN.variants.exempt_motifs(DOMAIN.variants.read_reference(wild_type), [motif])) == 1


def test_what_the_wild_type_holds_is_said_with_its_number_and_a_remedy_that_works():
    wild_type = DOMAIN.variants.read_reference("MNKSA", 10)
    (note,) = DOMAIN.variants.exempt_motifs(wild_type, [GLYCOSYLATION, "WW"])
    assert "NKS at 11" in note
    strict = DOMAIN.moves.constraint([note.split("'")[-2]], [])
    assert [strict(protein) for protein in ("MNKSA", "MNPSA")] == [False, True]
