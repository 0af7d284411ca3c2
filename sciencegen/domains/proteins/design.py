"""Design rounds with sequences: features of residues, and the space of allowed substitutions.

The scales of the residues and their weights were chosen on the 530,737 double mutants of GB1 (Olson et al. 2014)
without the four sites of the landscape (Wu et al. 2016): a leave-one-out Gaussian process over the twenty residues of a
site explains 41% of the variance of single-mutant effects with these, 21% with z-scales (Sandberg et al. 1998), and
none with one-hot letters.
"""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from sciencegen.domains.capabilities import Design
from sciencegen.domains.capabilities.design import OrderOptions, Orders
from sciencegen.domains.proteins.features import SCALES, fit_edit_features
from sciencegen.domains.proteins.files import named_chain
from sciencegen.domains.proteins.items import ALPHABET, encode_rows
from sciencegen.domains.proteins.structures import (
    ProteinChain,
    map_to_reference,
    relative_accessibility,
    weighted_contact_number,
)
from sciencegen.domains.proteins.variant_tables import read_reference
from sciencegen.domains.proteins.variants import MOST_SITES, Reference
from sciencegen.errors import ConfigError, named_extras, unknown_name
from sciencegen.items import Refusal
from sciencegen.optimization.feature_rows import SiteRows
from sciencegen.records import to_record

if TYPE_CHECKING:
    from dnachisel import DnaOptimizationProblem

LETTER_SCALES: dict[str, tuple[float, Sequence[float]]] = {
    "hydropathy": (0.10, SCALES["hydropathy"]),
    "volume": (0.12, SCALES["volume"]),
    # at pH 7, histidine partly charged
    "charge": (0.04, (0, 0, -1, -1, 0, 0, 0.3, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0)),
    "helix": (0.03, SCALES["helix"]),
    "strand": (0.04, SCALES["strand"]),
    "aromatic": (0.05, (0, 0, 0, 0, 1, 0, 0.5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1)),
    # Grantham 1974
    "polarity": (0.03, (8.1, 5.5, 13.0, 12.3, 5.2, 9.0, 10.4, 5.2, 11.3, 4.9, 5.7, 11.6, 8.0, 10.5, 10.5, 9.2, 8.6,
                        5.9, 5.4, 6.2)),
    "proline": (0.30, (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0)),
}  # fmt: skip
"""Name -> (weight of the squared difference in standard deviations, values in the order of the alphabet)."""
SHOWN_POSITIONS = 12
MOST_LEFT_OUT = 5
"""Maximum number of residues allowed nowhere that a note lists once instead of at each position."""


@cache
def letters() -> Float[np.ndarray, "letter scale"]:
    """Standardized scales, multiplied by the square root of their weights."""
    columns = []
    for weight, values in LETTER_SCALES.values():
        columns.append(np.sqrt(weight) * ((np.array(values) - np.mean(values)) / np.std(values)))
    return np.stack(columns, 1)


def design_features(sequences: Sequence[str], origin: str | None = None) -> SiteRows | None:
    """Residue numbers of sequences with features of each residue; None unless all, and the origin, have one length."""
    lengths = {len(sequence) for sequence in sequences} | ({len(origin)} if origin else set())
    return None if len(lengths) > 1 else SiteRows(encode_rows(sequences), letters())


def marks(sequences: Sequence[str], origin: str) -> list[set[tuple[int, str]]]:
    """(place, letter) of each change of each sequence; an empty set for a sequence of another length."""
    return [
        {(place, b) for place, (a, b) in enumerate(zip(origin, one, strict=True)) if a != b} if len(one) == len(origin)
        else set() for one in sequences
    ]  # fmt: skip


@dataclass(frozen=True)
class SequenceSpace:
    """Substitutions of a wild type.

    others: place in the sequence (from 0) -> allowed residues, without the wild type's. maximum_mutations: of one
    sequence. given: whether the user gave the wild type; else it has the most frequent residues. structure_notes: on
    the structure that determined the open positions.
    """

    wild_type: Reference
    others: Mapping[int, str]
    maximum_mutations: int
    given: bool = True
    structure_notes: tuple[str, ...] = ()

    @property
    def reference(self) -> Reference | None:
        """The reference of variant names, None if the user gave no wild type."""
        return self.wild_type if self.given else None

    @property
    def origin(self) -> str:
        """The sequence of the wild type."""
        return self.wild_type.sequence

    def accepts(self, sequence: str) -> bool:
        if len(sequence) != len(self.origin):
            return False
        changes = [(place, b) for place, (a, b) in enumerate(zip(self.origin, sequence, strict=True)) if a != b]
        return len(changes) <= self.maximum_mutations and all(b in self.others.get(place, "") for place, b in changes)

    def mutate(self, sequence: str, generator: np.random.Generator) -> str | Refusal:
        """Set a random open place to another allowed residue or the wild type's. Changes outside the space, and random
        other changes above the maximum, are reverted to the wild type."""
        if len(sequence) != len(self.origin):
            return Refusal(f"{len(sequence)} residues, the wild type has {len(self.origin)}")
        pairs = enumerate(zip(self.origin, sequence, strict=True))
        child = [b if b in self.others.get(place, "") else a for place, (a, b) in pairs]
        places = list(self.others)
        place = places[generator.integers(len(places))]
        choices = (self.others[place] + self.origin[place]).replace(child[place], "")
        child[place] = choices[generator.integers(len(choices))]
        changed = [other for other in places if child[other] != self.origin[other]]
        rest = generator.permutation([other for other in changed if other != place])
        for other in rest[: max(len(changed) - self.maximum_mutations, 0)].tolist():
            child[other] = self.origin[other]
        return "".join(child)

    def size(self) -> int:
        """Number of sequences: sum over d <= maximum of e_d(n_1, ..., n_k), where n_p is the number of other residues
        than the wild type's at p, and e_d the sum over all sets of d places of their products."""
        if self.maximum_mutations == len(self.others):
            return math.prod(1 + len(letters_here) for letters_here in self.others.values())
        sums = [1] + [0] * self.maximum_mutations
        for letters_here in self.others.values():
            for order in range(self.maximum_mutations, 0, -1):
                sums[order] += len(letters_here) * sums[order - 1]
        return sum(sums)

    def everything(self, limit: int) -> list[str] | None:
        """All sequences, the wild type first, if there are at most `limit`, else None."""
        return list(self._all()) if self.size() <= limit else None

    def _all(self) -> Iterator[str]:
        for count in range(self.maximum_mutations + 1):
            for places in itertools.combinations(self.others, count):
                for chosen in itertools.product(*(self.others[place] for place in places)):
                    child = list(self.origin)
                    for place, letter in zip(places, chosen, strict=True):
                        child[place] = letter
                    yield "".join(child)

    @property
    def notes(self) -> list[str]:
        """How the options were interpreted, as sentences."""
        first = self.wild_type.first
        somewhere = {letter for place, some in self.others.items() for letter in some + self.origin[place]}
        nowhere = "".join(letter for letter in ALPHABET if letter not in somewhere)
        left_out = nowhere if len(nowhere) <= MOST_LEFT_OUT else ""
        but, rest = f", to all but {left_out}" * bool(left_out), set(ALPHABET) - set(left_out)
        named = [
            f"{self.origin[place]}{place + first}" + ("" if {*some, self.origin[place]} >= rest else f" ({some})")
            for place, some in self.others.items()
        ]
        shown = ", ".join(named[:SHOWN_POSITIONS]) + (f" ... {named[-1]}" if len(named) > SHOWN_POSITIONS else "")
        size = self.size()
        count = f"{size:,}" if size < 1e9 else f"10^{math.log10(size):.0f}"  # a float ends at 10^308
        found = [
            f"{len(named)} of {len(self.origin)} positions are open{but}: {shown}; "
            f"at most {self.maximum_mutations} of them changed at once: {count} sequences",
            *self.structure_notes,
        ]
        if not self.given:
            found.append(
                f"no wild type was given: mutations count from what is most frequent in the first round, numbered from "
                f"{first}: {self.origin}. Pass `wild_type`"
            )
        return found


# Selects positions of a wild type by the exposure of their residues in a structure, for design spaces.
#
# exposure   solvent-accessible area as a share of the maximum: 0 inside, about 1 at the surface
# contacts   weighted contact number, in Å^-2: high inside, low at the surface; needs no side chains

MEASURES: Mapping[str, Callable[[ProteinChain], Float[np.ndarray, " residue"]]] = {
    "exposure": relative_accessibility,
    "contacts": weighted_contact_number,
}
_NUMBER = r"(-?[0-9]+(?:\.[0-9]+)?)?"
_SPAN = re.compile(rf"{_NUMBER}\.\.{_NUMBER}")


def exposed_positions(
    wild_type: Reference, structure: str, limits: Mapping[str, str]
) -> tuple[frozenset[int], tuple[str, ...]]:
    """The positions, from 0, whose residues are within all limits, and notes on how the structure was interpreted;
    residues with a missing value are excluded.

    structure: a PDB or mmCIF file, optionally with a chain (`1abc.pdb:A`); its residues are aligned with the wild
    type. limits: name of a measure -> `0.25..`, `..0.1` or `0.1..0.5`.
    """
    if not limits:
        raise ConfigError(
            "Expected what a structure is for, got none. Pass exposure=0.25.. for positions at its surface."
        )
    chain = named_chain(structure)
    spans = {name: read_span(name, text) for name, text in limits.items()}
    mapping = map_to_reference(chain, wild_type)
    inside, notes = np.ones(len(wild_type.sequence), bool), [*chain.notes(), *mapping.notes()]
    for name, (low, high) in spans.items():
        values = mapping.on_reference(MEASURES[name](chain))
        inside &= (values >= low) & (values <= high)
        notes.append(_note(name, values, limits[name]))
    if not inside.any():
        raise ConfigError(f"Expected positions within the limits, found none: {'; '.join(notes)}. Widen them.")
    return frozenset(np.flatnonzero(inside).tolist()), tuple(f"structure: {note}" for note in notes)


def _note(name: str, values: Float[np.ndarray, " position"], limit: str) -> str:
    missing, known = int(np.isnan(values).sum()), values[~np.isnan(values)]
    spread = f"from {known.min():.2f} to {known.max():.2f}" if len(known) else "known of none"
    closed = f"; {missing} positions have none and stay closed" if missing else ""
    return f"{name} of residues is {spread}, {limit} was asked for{closed}"


def read_span(name: str, text: str) -> tuple[float, float]:
    """Parse `0.25..`, `..0.1` or `0.1..0.5` to (minimum, maximum)."""
    found = _SPAN.fullmatch(text.strip())
    if found is None or found[1] is found[2] is None:
        raise ConfigError(f"Expected {name} such as 0.25.., ..0.1 or 0.1..0.5, got '{text}'.")
    return float(found[1] or -np.inf), float(found[2] or np.inf)


# Parses the user's options of the design space: open positions, allowed residues, maximum number of changes.
#
# reference=gb1.fasta   positions=39-41,54   residues=ACDEFGHIKLMNPQRSTVWY   residues="39:AVLI 40:*"
# maximum_mutations=4   structure=1pga.pdb   exposure=0.25..

OPTIONS = ("reference", "positions", "residues", "maximum_mutations", "structure", *MEASURES)
ANY = "*"
FEWEST_SITES = 3
"""Positions whose letters can't be taken for the wild type's name, WT."""
_RANGE = re.compile(r"([A-Z]?)(-?[0-9]{1,9})(?:(?:-|\.\.)([A-Z]?)(-?[0-9]{1,9}))?")
_OTHER_NUMBERS = (
    "If its numbers are others, say so: `wild_type` SEQUENCE/2-56 or the name of its file's first record (>GB1/2-56)."
)
_SEPARATORS = re.compile(r"[\s,;+]+")


def design_space(measured: Sequence[str] = (), **options: object) -> SequenceSpace:
    """Substitutions of a wild type.

    reference: the wild type or its file. Default: the most frequent residue at each position of `measured`, if these
        sequences have one length.
    positions: numbers and ranges, `39-41,54`, optionally with the wild type's letters (`V39,D40`), which are checked.
        Measured variants may be written as the letters of three to twelve of them. Default: the positions of
        `residues`, those behind the wild type's @, else all.
    residues: residues allowed at all open positions, or by position, `39:AVLI 40:*`; the wild type's always are.
    maximum_mutations: of one sequence. Default: the number of open positions.
    structure, exposure, contacts: a structure of the wild type, and limits for the residues that may be changed
        (`exposed_positions`).
    """
    wild_type = _wild_type(options.get("reference"), measured)
    common, own = _residues(wild_type, options.get("residues"))
    asked = options.get("positions")
    if asked is None and not own and wild_type.sites:
        asked = list(wild_type.sites)
    places = sorted(own) if asked is None and own else _places(wild_type, "positions", asked)
    if not wild_type.sites and asked is not None and FEWEST_SITES <= len(places) <= MOST_SITES:
        wild_type = replace(wild_type, sites=tuple(place + wild_type.first for place in places))
    if strange := sorted(set(own) - set(places)):
        number = strange[0] + wild_type.first
        raise ConfigError(f"Expected residues of open positions, got some for {number}. Add {number} to positions.")
    limits = {name: str(options[name]) for name in MEASURES if options.get(name) is not None}
    exposed: Collection[int] = places
    notes: tuple[str, ...] = ()
    if (structure := options.get("structure")) is not None:
        exposed, notes = exposed_positions(wild_type, str(structure), limits)
    elif limits:
        raise ConfigError(f"Expected a structure beside {' and '.join(limits)}, got none. Pass structure=1abc.pdb.")
    allowed = {place: own.get(place, common) for place in places if place in exposed}
    sorted_letters = {p: "".join(letter for letter in ALPHABET if letter in some) for p, some in allowed.items()}
    others = {place: some.replace(wild_type.sequence[place], "") for place, some in sorted_letters.items()}
    others = {place: some for place, some in others.items() if some}
    if not others:
        raise ConfigError("Expected open positions with residues beside the wild type's, got none. Widen residues.")
    most = _whole(options, "maximum_mutations", len(others), at_least=1)
    given = options.get("reference") is not None
    return SequenceSpace(wild_type, others, min(most, len(others)), given, notes)


def _wild_type(given: object, measured: Sequence[str]) -> Reference:
    if isinstance(given, Reference):
        return given
    if given is not None:
        return read_reference(str(given))
    lengths = Counter(map(len, measured))
    if len(lengths) != 1:
        found = f"measured sequences of {min(lengths)} to {max(lengths)} residues" if lengths else "nothing measured"
        raise ConfigError(
            f"Expected a wild type for the design space, got none, and {found}. "
            "Pass `wild_type` SEQUENCE (or its FASTA file)."
        )
    return Reference("".join(Counter(column).most_common(1)[0][0] for column in zip(*measured, strict=True)))


def _whole(options: Mapping[str, object], name: str, default: int, at_least: int | None = None) -> int:
    given = options.get(name, default)
    number = re.fullmatch(r"-?[0-9]{1,9}", str(given).strip())
    if number is None or (at_least is not None and int(number[0]) < at_least):
        wanted = "a whole number" + ("" if at_least is None else f" from {at_least}")
        raise ConfigError(f"Expected {wanted} as {name}, got '{given}'.")
    return int(number[0])


def _words(given: object) -> list[str]:
    """Split an option into words: a text, a list, or a mapping by position."""
    if isinstance(given, bool):  # YAML reads YES as True
        raise ConfigError(f"Expected positions or residues, got {given}. Put quotation marks around them: \"'YES'\".")
    if isinstance(given, Mapping):
        given = [f"{key}:{value}" for key, value in given.items()]
    text = " ".join(map(str, given)) if isinstance(given, Iterable) and not isinstance(given, str) else str(given)
    return [word for word in _SEPARATORS.split(text.strip().upper()) if word]


def _places(wild_type: Reference, option: str, given: object) -> list[int]:
    """Sorted places, from 0."""
    words = [f"{wild_type.first}-{wild_type.last}"] if given is None else _words(given)
    found = {place for word in words for place in _range(wild_type, option, word)}
    if not found:
        raise ConfigError(f"Expected {option} such as 39-41,54, got '{given}'.")
    return sorted(found)


def _range(wild_type: Reference, option: str, word: str) -> range:
    parts = _RANGE.fullmatch(word)
    if parts is None:
        raise ConfigError(f"Expected {option} such as 39-41,54 or V39,D40, got '{word}'.")
    start = int(parts[2])
    end = start if parts[4] is None else int(parts[4])
    for letter, number in ((parts[1], start), (parts[3], end)):
        known = wild_type.residue(number)
        if known is None:
            raise ConfigError(
                f"Expected {option} from {wild_type.first} to {wild_type.last}, the numbers of the wild type, got "
                f"'{word}'. {_OTHER_NUMBERS}"
            )
        if letter and letter != known:
            raise ConfigError(f"Expected {known} at {number}, as in the wild type, got '{word}'. {_OTHER_NUMBERS}")
    if end < start:
        raise ConfigError(f"Expected a range that goes up in {option}, got '{word}'. Write {end}-{start}.")
    return range(start - wild_type.first, end - wild_type.first + 1)


def _residues(wild_type: Reference, given: object) -> tuple[str, dict[int, str]]:
    """Residues allowed at positions without their own, and place -> residues for the others."""
    common = ""
    own: dict[int, str] = {}
    for word in _words(ANY if given is None else given):
        where, colon, some = word.rpartition(":")
        some = ALPHABET if some == ANY else some
        if not some or set(some) - set(ALPHABET):
            raise ConfigError(
                f"Expected residues among {ALPHABET} (or {ANY} for all), such as residues=AVLI or "
                f"residues=\"39:AVLI 40:{ANY}\", got '{word}'."
            )
        if colon:
            own |= dict.fromkeys(_range(wild_type, "residues", where), some)
        else:
            common += some
    return common or ALPHABET, own


DESIGN = Design(space=design_space, options=OPTIONS, features=design_features, edits=fit_edit_features, marks=marks)


# Order sheets of proteins: DNA that codes for a sequence, with the codons of a host and without restriction sites.
#
# Each residue has the codon that the host uses most, by the tables of the Kazusa codon usage database (Nakamura et
# al., Nucleic Acids Research 28, 2000), which the package python-codon-tables holds. Sites are removed by DNA Chisel
# (Zulkower and Rosser, Bioinformatics 36, 2020), which exchanges codons of the same residue.

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
    with named_extras("for order sheets of DNA"):
        import dnachisel
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
