"""Parses the user's options of the design space: open positions, allowed residues, maximum number of changes.

reference=gb1.fasta   positions=39-41,54   residues=ACDEFGHIKLMNPQRSTVWY   residues="39:AVLI 40:*"
maximum_mutations=4   structure=1pga.pdb   exposure=0.25..
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from sciencegen.domains.capabilities import Design
from sciencegen.domains.proteins.design import DesignSpace, design_features, marks
from sciencegen.domains.proteins.edit_features import fit_edit_features
from sciencegen.domains.proteins.exposed_positions import MEASURES, ExposedPositions, exposed_positions
from sciencegen.domains.proteins.items import ALPHABET
from sciencegen.domains.proteins.variant_tables import read_reference
from sciencegen.domains.proteins.variants import MOST_SITES, Reference
from sciencegen.errors import ConfigError

OPTIONS = ("reference", "positions", "residues", "maximum_mutations", "structure", *MEASURES)
ANY = "*"
FEWEST_SITES = 3
"""Positions whose letters can't be taken for the wild type's name, WT."""
_RANGE = re.compile(r"([A-Z]?)(-?[0-9]{1,9})(?:(?:-|\.\.)([A-Z]?)(-?[0-9]{1,9}))?")
_OTHER_NUMBERS = (
    "If its numbers are others, say so: `wild_type` SEQUENCE/2-56 or the name of its file's first record (>GB1/2-56)."
)
_SEPARATORS = re.compile(r"[\s,;+]+")


def design_space(measured: Sequence[str] = (), **options: object) -> DesignSpace:
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
    exposed = _exposed(wild_type, options)
    allowed = {place: own.get(place, common) for place in places if exposed is None or place in exposed.places}
    sorted_letters = {p: "".join(letter for letter in ALPHABET if letter in some) for p, some in allowed.items()}
    others = {place: some.replace(wild_type.sequence[place], "") for place, some in sorted_letters.items()}
    others = {place: some for place, some in others.items() if some}
    if not others:
        raise ConfigError("Expected open positions with residues beside the wild type's, got none. Widen residues.")
    most = _whole(options, "maximum_mutations", len(others), at_least=1)
    given, notes = options.get("reference") is not None, () if exposed is None else exposed.notes
    return DesignSpace(wild_type, others, min(most, len(others)), given, notes)


def _exposed(wild_type: Reference, options: Mapping[str, object]) -> ExposedPositions | None:
    limits = {name: str(options[name]) for name in MEASURES if options.get(name) is not None}
    structure = options.get("structure")
    if structure is None:
        if limits:
            raise ConfigError(f"Expected a structure beside {' and '.join(limits)}, got none. Pass structure=1abc.pdb.")
        return None
    return exposed_positions(wild_type, str(structure), limits)


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
