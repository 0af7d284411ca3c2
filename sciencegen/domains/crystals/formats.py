"""Structures in the text of CIF, POSCAR and extended XYZ: parsed strictly, atom by atom, without a library.

Each parser returns the atoms in the file's cell, or a Refusal that says what is wrong. A number that can't be read, an
atom with no place or a partly occupied site refuses the structure: nothing is dropped.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, lru_cache
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int

from sciencegen.domains.crystals.elements import number_of, reduced_formula
from sciencegen.domains.crystals.items import MOST_ATOMS, NUMBERS, SYMBOLS, Crystal, cell_of, lattice_of
from sciencegen.items import Refusal

if TYPE_CHECKING:
    from spglib import SpglibDataset

LONGEST_TEXT = 1 << 22
"""Characters of one structure with its symmetry."""
LONGEST_LINE = 1 << 14
MOST_IN_CELL = 4 * MOST_ATOMS
"""Atoms of a cell before it is reduced: a face-centred one holds four primitive ones."""
SAME_PLACE = 0.05
"""Ångström: images of an atom by symmetry that are closer are one atom."""
CLOSEST = 0.5
"""Ångström: atoms that are closer overlap."""
OCCUPIED = 0.995
"""Least occupancy of a whole atom."""


@dataclass(frozen=True)
class InCell:
    """Atoms in the cell of a file. lattice: rows in ångström."""

    lattice: Float[np.ndarray, "3 3"]
    numbers: Int[np.ndarray, " atom"]
    places: Float[np.ndarray, "atom 3"]


def number(text: str) -> float:
    """A finite number, without its standard uncertainty in brackets (3.905(2)); a ValueError for another text."""
    try:
        value = float(text.split("(")[0]) if "_" not in text else math.nan
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"'{text[:40]}' is no number")
    return value


# CIF 1.1 (Hall, Allen & Brown 1991): one data block.

_TOKEN = re.compile(r"""'((?:[^']|'(?=\S))*)'(?=\s|$)|"((?:[^"]|"(?=\S))*)"(?=\s|$)|#.*|(\S+)""")
CELL = tuple(
    f"_cell_{name}" for name in ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")
)
OPERATIONS = ("_space_group_symop_operation_xyz", "_symmetry_equiv_pos_as_xyz")
HALL = ("_space_group_name_hall", "_symmetry_space_group_name_hall")
NAMED = ("_space_group_name_h-m_alt", "_symmetry_space_group_name_h-m", "_space_group_name_h-m_full")
NUMBERED = ("_space_group_it_number", "_symmetry_int_tables_number")
ABSENT = (None, "?", ".", "")
FRACTIONAL = tuple(f"_atom_site_fract_{axis}" for axis in "xyz")


class Token(str):
    """A word of a CIF. line: of the block, from 1. quoted: whether it was in quotes or between semicolons."""

    line: int
    quoted: bool

    def __new__(cls, text: str, line: int, quoted: bool) -> Token:
        """The text itself, with its place."""
        token = super().__new__(cls, text)
        token.line, token.quoted = line, quoted
        return token

    @property
    def is_word(self) -> bool:
        """Whether it is a tag or a keyword, and no value."""
        lower = self.lower()
        return not self.quoted and (lower[:1] == "_" or lower.startswith(("data_", "loop_", "save_", "global_")))


class DamagedText(ValueError):
    """A text that isn't what it says, and the line where that shows."""

    def __init__(self, why: str, line: int) -> None:
        super().__init__(f"{why} (line {line} of the block)")


def _tokens(text: str) -> Iterator[Token]:
    """The words of a CIF; a text between semicolons is one, and empty."""
    lines = enumerate(text.splitlines(), 1)
    for at, line in lines:
        if line.startswith(";"):
            last, line = next(((end, inner[1:]) for end, inner in lines if inner.startswith(";")), (0, ""))
            if not last:
                raise DamagedText("a text between semicolons has no end", at)
            yield Token("", at, True)
            at = last
        if len(line) > LONGEST_LINE:
            raise DamagedText(f"a line of {len(line)} characters", at)
        for match in _TOKEN.finditer(line):
            single, double, bare = match.groups()
            if bare is not None:
                yield Token(bare, at, False)
            elif single is not None or double is not None:
                yield Token(single if single is not None else double, at, True)


def read_block(text: str) -> dict[str, list[Token]]:
    """The values of each tag of a data block, in lower case: one, or those of a loop's column."""
    table, tokens = dict[str, list[Token]](), list(_tokens(text))
    at, blocks = 0, 0
    while at < len(tokens):
        token = tokens[at]
        at += 1
        if not token.is_word:
            raise DamagedText(f"'{token[:40]}' belongs to no tag", token.line)
        word = token.lower()
        if word.startswith("data_"):
            blocks += 1
            if blocks > 1:
                break
        elif word == "loop_":
            names = []
            while at < len(tokens) and not tokens[at].quoted and tokens[at].startswith("_"):
                names.append(tokens[at].lower().replace(".", "_"))
                at += 1
            start = at
            while at < len(tokens) and not tokens[at].is_word:
                at += 1
            values = tokens[start:at]
            if not names or len(values) % len(names):
                counts = Counter(value.line for value in values)
                odd = next((line for line, count in counts.items() if count % max(len(names), 1)), token.line)
                told = f"a loop of {len(names)} columns holds {len(values)} values ({', '.join(names)[:60]})"
                raise DamagedText(told, odd)
            for column, name in enumerate(names):
                if name in table:
                    raise DamagedText(f"{name[:60]} occurs twice", token.line)
                table[name] = values[column :: len(names)]
        elif word.startswith("_"):
            if at >= len(tokens) or tokens[at].is_word:
                raise DamagedText(f"{token[:60]} has no value", token.line)
            name = word.replace(".", "_")
            if name in table:
                raise DamagedText(f"{name[:60]} occurs twice", token.line)
            table[name] = [tokens[at]]
            at += 1
        else:
            raise DamagedText(f"'{token[:40]}' can't be read", token.line)
    return table


def _number(token: Token, what: str) -> float:
    """Its value. what: is wrong with a file where it is no number."""
    try:
        return number(token)
    except ValueError as error:
        raise DamagedText(f"{what}: {error}", token.line) from None


def parse_cif(text: str) -> InCell | Refusal:
    """The atoms of a data block, by its symmetry operations, or the space group that it names."""
    try:
        return _atoms(read_block(text))
    except DamagedText as error:
        return Refusal(f"not a whole CIF: {error}")


def _atoms(table: Mapping[str, Sequence[Token]]) -> InCell | Refusal:
    cell = _cell(table)
    if isinstance(cell, Refusal):
        return cell
    lattice = lattice_of(cell)
    if not all(name in table for name in FRACTIONAL):
        return Refusal("no atoms with fractional coordinates")
    places = np.array([[_number(value, "an atom without a place") for value in table[name]] for name in FRACTIONAL]).T
    labels = table.get("_atom_site_type_symbol") or table.get("_atom_site_label") or []
    if not len(places) or len(labels) != len(places):
        return Refusal("atoms without elements")
    elements = [number_of(label) for label in labels]
    if None in elements:
        strange = labels[elements.index(None)]
        raise DamagedText(f"'{strange[:20]}' is no element", strange.line)
    if why := _not_whole(table, labels):
        return Refusal(why)
    operations = _operations(table, cell)
    if isinstance(operations, Refusal):
        return operations
    return _filled(lattice, np.array(elements, np.int64), places, *operations)


def _cell(table: Mapping[str, Sequence[Token]]) -> Float[np.ndarray, "6"] | Refusal:
    given = [table.get(name, [None])[0] for name in CELL]
    if any(value in ABSENT for value in given[:3]):
        return Refusal("no cell")
    return np.array([_number(one, "a damaged cell") if one not in ABSENT and one else 90.0 for one in given])


def _not_whole(table: Mapping[str, Sequence[Token]], labels: Sequence[Token]) -> str:
    """Why a structure has atoms that aren't there for certain, "" if it has none."""
    for label, occupancy in zip(labels, table.get("_atom_site_occupancy", []), strict=False):
        if occupancy in ABSENT:
            continue
        share = _number(occupancy, "an occupancy")
        if not OCCUPIED <= share <= 2 - OCCUPIED:
            return f"partly occupied: {share:g} of {label[:20]}"
    if any(flag == "dum" for flag in table.get("_atom_site_calc_flag", [])):
        return "atoms that are dummies"
    if any(name.startswith("_space_group_symop_magn") for name in table) and not any(n in table for n in OPERATIONS):
        return "a magnetic space group"
    return ""


Operations = tuple[Float[np.ndarray, "operation 3 3"], Float[np.ndarray, "operation 3"]]


def _operations(table: Mapping[str, Sequence[Token]], cell: Float[np.ndarray, "6"]) -> Operations | Refusal:
    for name in OPERATIONS:
        if name in table and any(value not in ABSENT for value in table[name]):
            texts = tuple(table[name])
            if len(texts) > 192:
                return Refusal(f"{len(texts)} symmetry operations; there are at most 192")
            try:
                return _parsed_operations(texts)
            except ValueError as error:
                strange = error.args[0]
                raise DamagedText(f"'{strange[:40]}' is no symmetry operation", strange.line) from None
    first = lambda names: next((table[n][0] for n in names if table.get(n, ["?"])[0] not in ABSENT), "")  # noqa: E731
    hall, named, numbered = first(HALL), first(NAMED), first(NUMBERED)
    if _plain(named) in ("", "p1") and numbered in ("", "1") and not hall:
        return np.eye(3)[None], np.zeros((1, 3))
    found = _setting(hall, named, numbered, bool(abs(cell[5] - 120) < 1))
    return found or Refusal(f"the space group '{(hall or named or numbered)[:40]}' isn't known")


_TERM = re.compile(r"([+-]?)(?:(\d+(?:\.\d+)?(?:/\d+)?|\.\d+)\*?)?([xyz]?)")


@lru_cache(maxsize=512)
def _parsed_operations(texts: tuple[Token, ...]) -> Operations:
    matrices, shifts = np.zeros((len(texts), 3, 3)), np.zeros((len(texts), 3))
    for row, text in enumerate(texts):
        parts = text.lower().replace(" ", "").split(",")
        if len(parts) != 3 or len(text) > 100:
            raise ValueError(text)
        for axis, part in enumerate(parts):
            at = 0
            while at < len(part):
                match = _TERM.match(part, at)
                if match is None or match.end() == at or not (match[2] or match[3]) or (at and not match[1]):
                    raise ValueError(text)
                above, _, below = (match[2] or "1").partition("/")
                if below and not float(below):
                    raise ValueError(text)
                value = (-1 if match[1] == "-" else 1) * float(above) / float(below or 1)
                if match[3]:
                    matrices[row, axis, "xyz".index(match[3])] += value
                else:
                    shifts[row, axis] += value
                at = match.end()
        if abs(abs(np.linalg.det(matrices[row])) - 1) > 1e-3:
            raise ValueError(text)
    return matrices, shifts


def _plain(name: str) -> str:
    return re.sub(r"[\s_]", "", name).lower()


@cache
def _settings() -> Mapping[str, int]:
    """Numbers of the settings in spglib's table by the names that files use; the first of a name is the usual one."""
    import spglib

    found: dict[str, int] = {}
    for hall in range(1, 531):
        if (kind := spglib.get_spacegroup_type(hall)) is None:
            continue
        names = [kind.hall_symbol, kind.international_short, kind.international_full, *kind.international.split("=")]
        axes = [f"{kind.international_short}:{kind.choice}", f"{kind.number}:{kind.choice}", str(kind.number)]
        for name in [*names, *axes]:
            found.setdefault(_plain(name), hall)
    return found


def _setting(hall: str, named: str, numbered: str, hexagonal: bool) -> Operations | None:
    """The operations of a space group by its names. Rhombohedral groups have hexagonal axes where gamma is 120°."""
    import spglib

    table = _settings()
    plain = _plain(named)
    keys = [_plain(hall), plain, plain.replace(":", ""), plain[:-1] if plain.endswith((":h", ":r", ":1", ":2")) else ""]
    if plain.startswith("r") or numbered in ("146", "148", "155", "160", "161", "166", "167"):
        keys.insert(1, f"{plain.split(':')[0]}:{'h' if hexagonal else 'r'}")
    found = next((table[key] for key in [*keys, _plain(numbered)] if key and key in table), None)
    if found is None:
        return None
    symmetry = spglib.get_symmetry_from_database(found)
    assert symmetry is not None, f"spglib lacks its own setting {found}"
    return symmetry["rotations"].astype(float), symmetry["translations"]


def _filled(
    lattice: Float[np.ndarray, "3 3"], numbers: Int[np.ndarray, " atom"], places: Float[np.ndarray, "atom 3"],
    matrices: Float[np.ndarray, "operation 3 3"], shifts: Float[np.ndarray, "operation 3"],
) -> InCell | Refusal:  # fmt: skip
    """The atoms and their images by the operations, each once."""
    if len(matrices) == 1:
        return InCell(lattice, numbers, places @ matrices[0].T + shifts[0])
    kept, of = [], []
    for element, place in zip(numbers, places, strict=True):
        orbit = (matrices @ place + shifts) % 1.0
        apart = orbit[:, None] - orbit[None]
        near = np.linalg.norm((apart - np.round(apart)) @ lattice, axis=2) < SAME_PLACE
        first = near.argmax(1) == np.arange(len(orbit))
        kept.append(orbit[first])
        of += [element] * int(first.sum())
        if len(of) > MOST_IN_CELL:
            return Refusal(f"more than {MOST_IN_CELL} atoms in the cell")
    return InCell(lattice, np.array(of, np.int64), np.concatenate(kept))


# POSCAR and CONTCAR of VASP.


def parse_poscar(text: str) -> InCell | Refusal:
    """The atoms of a POSCAR; velocities and what else follows the places are left out."""
    lines = text.splitlines()
    try:
        return _poscar(lines)
    except (ValueError, IndexError) as error:
        return Refusal(f"not a whole POSCAR: {str(error)[:80] or 'it ends early'}")


def _poscar(lines: Sequence[str]) -> InCell | Refusal:
    scales = [number(word) for word in lines[1].split()]
    lattice = np.array([[number(word) for word in line.split()[:3]] for line in lines[2:5]])
    if lattice.shape != (3, 3) or len(scales) not in (1, 3):
        raise ValueError("a lattice of three rows of three numbers is expected")
    factor: float | np.ndarray = np.array(scales) if len(scales) == 3 else scales[0]
    if len(scales) == 1 and scales[0] < 0:
        volume = abs(np.linalg.det(lattice))
        factor = (-scales[0] / volume) ** (1 / 3) if volume else 0.0
    if not np.all(np.asarray(factor) > 0):
        raise ValueError("a scale above 0 is expected")
    lattice = lattice * factor
    named, at = lines[5].split(), 6
    if named and named[0].isdecimal():  # VASP 4
        named, at = lines[0].split(), 5
    counts = [word for word in lines[at].split("!")[0].split("#")[0].split()]
    if not counts or not all(word.isdecimal() and len(word) < 6 for word in counts):
        raise ValueError(f"numbers of atoms are expected, found '{' '.join(counts)[:30]}'")
    elements = [
        NUMBERS.get(re.split(r"[_/.]", word)[0].capitalize(), number_of(word) if word[:1] in "DT" else None)
        for word in named
    ]
    if len(elements) != len(counts) or None in elements:
        return Refusal("no elements are named" if at == 5 else f"'{' '.join(named)[:30]}' for {len(counts)} elements")
    total, kinds = sum(map(int, counts)), [one for one in elements if one is not None]
    if not 1 <= total <= MOST_IN_CELL:
        return Refusal(f"{total} atoms; 1 to {MOST_IN_CELL} can be read")
    at += 1
    at += lines[at].strip()[:1].lower() == "s"  # selective dynamics
    cartesian = lines[at].strip()[:1].lower() in ("c", "k")
    if not cartesian and lines[at].strip()[:1].lower() != "d":
        raise ValueError(f"Direct or Cartesian is expected, found '{lines[at].strip()[:20]}'")
    rows = [line.split()[:3] for line in lines[at + 1 : at + 1 + total]]
    if len(rows) < total or any(len(row) < 3 for row in rows):
        raise ValueError(f"{sum(len(row) == 3 for row in rows)} places for {total} atoms")
    places = np.array([[number(word) for word in row] for row in rows])
    if cartesian:
        places = _fractional(places * factor, lattice)
    return InCell(lattice, np.repeat(kinds, [int(word) for word in counts]).astype(np.int64), places)


def _fractional(
    positions: Float[np.ndarray, "atom 3"], lattice: Float[np.ndarray, "3 3"]
) -> Float[np.ndarray, "atom 3"]:
    if not abs(np.linalg.det(lattice)) > 1e-6:
        raise ValueError("a flat cell")
    return positions @ np.linalg.inv(lattice)


# Extended XYZ, as ASE and OVITO write it.

_PAIR = re.compile(r"""([\w.+-]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|\{([^}]*)\}|(\S+))""")


def comment_values(comment: str) -> dict[str, str]:
    """The texts of `key=value` in the second line of a block of extended XYZ, by their keys."""
    return {
        match[1]: next(group for group in match.groups()[1:] if group is not None) for match in _PAIR.finditer(comment)
    }


def parse_xyz(text: str) -> InCell | Refusal:
    """The atoms of a block of extended XYZ with a lattice."""
    count, comment, *rows = text.splitlines() if text.count("\n") else [text, ""]
    try:
        known = {key.lower(): value for key, value in comment_values(comment).items()}
        if "lattice" not in known:
            return Refusal("no cell: the comment of a block has no Lattice=")
        if any(word.lower() in ("f", "false", "0") for word in known.get("pbc", "T T T").split()):
            return Refusal("not periodic in three directions")
        lattice = np.array([number(word) for word in known["lattice"].split()]).reshape(3, 3)
        columns = known.get("properties", "species:S:1:pos:R:3").split(":")
        names, widths = columns[::3], [int(width) for width in columns[2::3]]
        if not {"species", "pos"} <= set(names) or len(names) != len(widths):
            raise ValueError("species and pos are expected among the Properties")
        if not all(0 < width < 1000 for width in widths):
            raise ValueError(f"the Properties have columns of the width {max(widths, key=abs)}")
        species = sum(widths[: names.index("species")])
        start = sum(widths[: names.index("pos")])
        rows = [row for row in rows if row.strip()]
        if not count.strip().isdecimal() or int(count) != len(rows):
            raise ValueError(f"{count.strip()[:20]} atoms announced, {len(rows)} given")
        cells = [row.split() for row in rows]
        elements = [
            NUMBERS.get(row[species]) or (number_of(row[species]) if row[species] in ("D", "T") else None)
            for row in cells
        ]
        if None in elements:
            return Refusal(f"'{cells[elements.index(None)][species][:20]}' is no element")
        positions = np.array([[number(word) for word in row[start : start + 3]] for row in cells]).reshape(-1, 3)
        if len(positions) != len(elements):
            raise ValueError(f"{len(positions)} places for {len(elements)} atoms")
        return InCell(lattice, np.array(elements, np.int64), _fractional(positions, lattice))
    except (ValueError, IndexError) as error:
        return Refusal(f"not a whole block of extended XYZ: {str(error)[:80]}")


# Writing.


def cif_text(item: Crystal, name: str, values: Mapping[str, str], symmetry: SpglibDataset | None = None) -> str:
    """The item as a data block of CIF: in P 1, or by its symmetry in the standard cell of the space group, one atom of
    each orbit with its multiplicity and Wyckoff letter. values: further tags with their texts."""
    lines = [f"data_{name}", f"_chemical_formula_structural {reduced_formula(item)}"]
    lines += [f"_sciencegen_{tag} {value}" for tag, value in values.items()]
    columns = ["type_symbol", "label", "fract_x", "fract_y", "fract_z", "occupancy"]
    if symmetry is None:
        lines += ["_symmetry_space_group_name_H-M 'P 1'", "_symmetry_Int_Tables_number 1"]
        cell, operations, symbols = item.cell, ["x, y, z"], item.symbols
        ends = [f"{x:.5f} {y:.5f} {z:.5f} 1" for x, y, z in item.places]
    else:
        lines += _group_lines(symmetry)
        cell, operations = cell_of(symmetry.std_lattice), _operation_texts(symmetry.hall_number)
        columns += ["symmetry_multiplicity", "Wyckoff_symbol"]
        first_row = {primitive: row for row, primitive in reversed([*enumerate(symmetry.mapping_to_primitive)])}
        given = np.array([first_row[primitive] for primitive in symmetry.std_mapping_to_primitive])
        _, of, counts = np.unique(symmetry.crystallographic_orbits[given], return_index=True, return_counts=True)
        symbols = [SYMBOLS[number - 1] for number in symmetry.std_types[of]]
        sites = zip(symmetry.std_positions[of] % 1.0, counts, given[of], strict=True)
        ends = [f"{x:.8f} {y:.8f} {z:.8f} 1 {n} {symmetry.wyckoffs[row]}" for (x, y, z), n, row in sites]
    lines += [f"{tag} {value:.8g}" for tag, value in zip(CELL, cell, strict=True)]
    lines += ["loop_", " _symmetry_equiv_pos_as_xyz", *(f" '{one}'" for one in operations)]
    lines += ["loop_", *(f" _atom_site_{column}" for column in columns)]
    lines += [f" {symbol} {symbol}{at} {end}" for at, (symbol, end) in enumerate(zip(symbols, ends, strict=True), 1)]
    return "\n".join(lines) + "\n\n"


def _group_lines(symmetry: SpglibDataset) -> list[str]:
    """The space group's names and number. The Hermann-Mauguin symbol has the origin or the axes where there are two."""
    import spglib

    kind = spglib.get_spacegroup_type(symmetry.hall_number)
    assert kind is not None, f"spglib lacks its own setting {symmetry.hall_number}"
    symbol = kind.international.split("=")[-1].strip().replace("_", "")
    choice = f":{kind.choice}" if kind.choice in ("1", "2", "H", "R") else ""
    return [
        f"_symmetry_space_group_name_H-M '{symbol}{choice}'",
        f"_symmetry_space_group_name_Hall '{kind.hall_symbol}'",
        f"_symmetry_Int_Tables_number {kind.number}",
    ]


@cache
def _operation_texts(setting: int) -> list[str]:
    """The operations of a setting in spglib's table, as -y+1/2, x, z."""
    import spglib

    table = spglib.get_symmetry_from_database(setting)
    assert table is not None, f"spglib lacks its own setting {setting}"
    found = []
    for rotation, shift in zip(table["rotations"], table["translations"], strict=True):
        parts = []
        for row, share in zip(rotation, shift, strict=True):
            terms = "".join(f"{'-' if sign < 0 else '+'}{axis}" for sign, axis in zip(row, "xyz", strict=True) if sign)
            moved = Fraction(float(share)).limit_denominator(24) % 1
            parts.append(f"{terms.removeprefix('+')}{f'+{moved}' if moved else ''}")
        found.append(", ".join(parts))
    return found


def poscar_text(item: Crystal, name: str) -> str:
    """The item as a POSCAR of VASP 5; atoms of one element follow each other."""
    order = np.argsort(item.numbers, kind="stable")
    elements, counts = np.unique(item.numbers, return_counts=True)
    lines = [name, "1.0", *(" ".join(f"{value:.8f}" for value in row) for row in item.lattice)]
    lines += [" ".join(SYMBOLS[one - 1] for one in elements), " ".join(map(str, counts)), "Direct"]
    lines += [" ".join(f"{value:.5f}" for value in item.places[at]) for at in order]
    return "\n".join(lines) + "\n"


def xyz_text(item: Crystal, comment: str) -> str:
    """The item as a block of extended XYZ."""
    lattice = " ".join(f"{value:.8f}" for value in item.lattice.ravel())
    head = f'Lattice="{lattice}" Properties=species:S:1:pos:R:3 {comment} pbc="T T T"'
    pairs = zip(item.symbols, item.places @ item.lattice, strict=True)
    atoms = (f"{symbol} {x:.6f} {y:.6f} {z:.6f}" for symbol, (x, y, z) in pairs)
    return "\n".join([str(len(item)), " ".join(head.split()), *atoms]) + "\n"
