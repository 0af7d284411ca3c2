"""Order sheets of proteins: DNA that codes for a sequence, with the codons of a host and without restriction sites.

Each residue has the codon that the host uses most, by the tables of the Kazusa codon usage database (Nakamura et al.,
Nucleic Acids Research 28, 2000), which the package python-codon-tables holds. Sites are removed by DNA Chisel (Zulkower
and Rosser, Bioinformatics 36, 2020), which exchanges codons of the same residue.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from sciencegen.domains.capabilities.orders import OrderOptions, Orders
from sciencegen.errors import ConfigError, unknown_name
from sciencegen.items import Refusal
from sciencegen.records import to_record

if TYPE_CHECKING:
    from dnachisel import DnaOptimizationProblem

HOSTS = {
    "e_coli": "e_coli_316407", "yeast": "s_cerevisiae_4932", "human": "h_sapiens_9606", "b_subtilis": "b_subtilis_1423"
}  # fmt: skip
"""Host -> the table of its codons, by name and NCBI taxonomy: E. coli W3110, S. cerevisiae, human, B. subtilis."""
DNA, SHARE = "dna", "gc"
"""Columns of the coding sequence, and of the share of G and C in it."""


@dataclass(frozen=True)
class CodingOptions:
    """How proteins are ordered.

    Parameters
    ----------
    host : str
        A name in `HOSTS`.
    avoid : str
        Enzymes whose sites the DNA must not have, such as "BsaI,NdeI"; on either strand.
    stop : bool
        Whether the DNA ends in a stop codon.
    """

    host: str = "e_coli"
    avoid: str = ""
    stop: bool = True

    @property
    def enzymes(self) -> list[str]:
        """The names in `avoid`."""
        return [name.strip() for name in self.avoid.split(",") if name.strip()]


def check_options(options: OrderOptions) -> None:
    """Raise an error for unknown options, hosts and enzymes, or without the library."""
    settings = _settings(options)
    if settings.host not in HOSTS:
        raise unknown_name("host", settings.host, HOSTS)
    _library()
    from Bio.Restriction.Restriction_Dictionary import rest_dict

    for name in settings.enzymes:
        if name not in rest_dict:
            raise unknown_name("enzyme", name, rest_dict)


def coding_dna(protein: str, settings: CodingOptions) -> str | Refusal:
    """DNA that codes for a protein.

    Parameters
    ----------
    protein : str
        Letters of the 20 amino acids.
    settings : CodingOptions

    Returns
    -------
    str or Refusal
        A refusal for other letters, and where sites can't be removed.

    Examples
    --------
    >>> coding_dna("MKW", CodingOptions("e_coli")), coding_dna("MKW", CodingOptions("yeast", stop=False))
    ('ATGAAATGGTAA', 'ATGAAATGG')
    """
    codons = _codons(settings.host)
    letters = f"{protein}*" if settings.stop else protein
    if strange := sorted(set(protein) - set(codons)):
        return Refusal(f"no codon for {', '.join(strange)}")
    dna = "".join(codons[letter] for letter in letters)
    return _without_sites(dna, settings) if settings.enzymes else dna


def _codons(host: str) -> dict[str, str]:
    """The most frequent codon of each residue; the first by the alphabet among equals."""
    _library()
    import python_codon_tables

    table = python_codon_tables.get_codons_table(HOSTS[host])
    return {letter: min(shares, key=lambda codon: (-shares[codon], codon)) for letter, shares in table.items()}


def _without_sites(dna: str, settings: CodingOptions) -> str | Refusal:
    chisel = _library()
    problem: DnaOptimizationProblem = chisel.DnaOptimizationProblem(
        dna,
        constraints=[chisel.EnforceTranslation(), *(chisel.AvoidPattern(f"{name}_site") for name in settings.enzymes)],
        objectives=[chisel.CodonOptimize(species=HOSTS[settings.host], method="use_best_codon")],
        logger=None,
    )
    with _seeded():
        try:
            problem.resolve_constraints()
            problem.optimize()
        except chisel.NoSolutionError:
            return Refusal(f"no codons without a site of {', '.join(settings.enzymes)}")
    return problem.sequence


@contextmanager
def _seeded() -> Iterator[None]:
    """The global generator of numpy, which DNA Chisel draws from, seeded and then restored."""
    state = np.random.get_state()  # noqa: NPY002
    np.random.seed(0)  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002


def _library() -> ModuleType:
    """DNA Chisel, which is optional."""
    try:
        import dnachisel
    except ImportError:
        raise ConfigError(
            "Expected the package dnachisel for order sheets of DNA. Install it: pip install 'sciencegen[orders]'."
        ) from None
    return dnachisel


def _settings(options: OrderOptions) -> CodingOptions:
    return to_record(CodingOptions, options, "order")


def _cells(protein: str, options: OrderOptions) -> Mapping[str, str] | Refusal:
    dna = coding_dna(protein, _settings(options))
    if isinstance(dna, Refusal):
        return dna
    return {DNA: dna, SHARE: f"{sum(letter in 'GC' for letter in dna) / len(dna):.3f}"}


ORDERS = Orders(
    check=check_options, columns=lambda options: (DNA, SHARE), cells=_cells, echo_type="384PP_AQ_BP"
)  # fmt: skip
