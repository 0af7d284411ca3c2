"""Coding DNA: it translates to the protein, has the host's codons, and none of the sites to avoid."""

from __future__ import annotations

import numpy as np
import pytest
from Bio.Restriction import BsaI, NdeI
from Bio.Seq import Seq

from sciencegen.domains.proteins.design import HOSTS, CodingOptions, check_options, coding_dna
from sciencegen.errors import ConfigError
from sciencegen.items import Refusal

pytest.importorskip("dnachisel")
LETTERS = "ACDEFGHIKLMNPQRSTVWY"
PROTEIN = "M" + "".join(np.random.default_rng(0).choice(list(LETTERS), 60))


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("avoid", ["", "BsaI,NdeI"])
def test_the_dna_translates_to_the_protein(host, avoid):
    dna = coding_dna(PROTEIN, CodingOptions(host, avoid))
    assert str(Seq(dna).translate()) == f"{PROTEIN}*"
    assert dna == coding_dna(PROTEIN, CodingOptions(host, avoid))


@pytest.mark.parametrize(
    ("host", "expected"),
    [("e_coli", "CTGCGCGGC"), ("yeast", "TTGAGAGGT")],
)
def test_codons_are_the_most_frequent_of_the_host(host, expected):
    """Kazusa: Leu CTG 0.50, Arg CGC 0.40 (E. coli W3110); Leu TTG 0.29, Arg AGA 0.48, Gly GGT 0.47 (S. cerevisiae)."""
    assert coding_dna("LRG", CodingOptions(host, stop=False)) == expected


def test_sites_are_removed_from_both_strands_and_the_generator_of_numpy_stays_as_it_was():
    protein = "MHMGSRDGH"  # CATATG in E. coli's codons is a site of NdeI
    plain = coding_dna(protein, CodingOptions())
    assert NdeI.search(Seq(plain)) or BsaI.search(Seq(plain))
    np.random.seed(3)  # noqa: NPY002
    mended = coding_dna(protein, CodingOptions(avoid="NdeI, BsaI"))
    drawn = np.random.random()  # noqa: NPY002
    np.random.seed(3)  # noqa: NPY002
    assert np.random.random() == drawn  # noqa: NPY002
    assert not NdeI.search(Seq(mended))
    assert not BsaI.search(Seq(mended))
    assert str(Seq(mended).translate()) == f"{protein}*"


def test_what_has_no_codon_is_refused():
    assert coding_dna("MXK", CodingOptions()).reason == "no codon for X"
    found = coding_dna("MMG", CodingOptions(avoid="BccI"))  # ATGATGGG: no other codons hold GATGG, CCATC backwards
    assert isinstance(found, Refusal)
    assert found.reason == "no codons without a site of BccI"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"host": "ecoli"}, "e_coli"),
        ({"avoid": "BsaX"}, "BsaX"),
        ({"codons": "x"}, "codons"),
    ],
)
def test_wrong_options_are_errors(options, message):
    with pytest.raises(ConfigError, match=message):
        check_options(options)
