"""Structures of proteins: reads one chain of a PDB or mmCIF file, and reports its gaps and missing atoms."""

from __future__ import annotations

import io
import re
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Int

from sciencegen.data.damage import open_binary, reading
from sciencegen.domains.proteins.residues import (
    BACKBONE,
    UNKNOWN,
    Residue,
    Selected,
    atom_places,
    bond_length,
    select_chains,
)
from sciencegen.domains.proteins.variants import Reference
from sciencegen.errors import DataError
from sciencegen.files import found_at

# Reads structure files of proteins, PDB and mmCIF, optionally gzipped, by Biopython, and reports their faults.

STRUCTURE_ENDINGS = (".pdb", ".ent", ".cif", ".mmcif")
STRUCTURE_FORMATS = (*STRUCTURE_ENDINGS, *(f"{ending}.gz" for ending in STRUCTURE_ENDINGS))
MOST_BYTES = 1 << 28
"""Maximum size of an unpacked file; the largest entries of the Protein Data Bank are close to it."""
END_OF_COORDINATES = 54
"""Last column of the coordinates in a line of a PDB file."""
END_OF_OCCUPANCY = 60
LOCATION = 16
"""Column, from 0, of the letter of an alternate location."""
ATOM_RECORDS = ("ATOM  ", "HETATM")
ENDS = ("END", "CONECT")
"""Records at which Biopython stops to read."""
OPTIONAL = {"id": "1", "label_alt_id": ".", "pdbx_PDB_ins_code": "?", "occupancy": "1.0", "B_iso_or_equiv": "0.0"}
"""Columns of mmCIF that may be absent, with what they would hold; so may auth_asym_id, for which label_asym_id is."""
_EXPERIMENT = re.compile(
    r"^(?:EXPDTA {4}(?!THEORETICAL)(.+?)\s*$|_exptl\.method\s+['\"]?([^'\"\n]+?)['\"]?\s*$)", re.MULTILINE
)
"""The method of an experiment, in a header."""
_PDB_START = re.compile(
    r"(HEADER|OBSLTE|TITLE|COMPND|SOURCE|KEYWDS|EXPDTA|NUMMDL|MDLTYP|AUTHOR|REVDAT|REMARK|DBREF|SEQADV|SEQRES|MODRES|"
    r"HET|HELIX|SHEET|SSBOND|LINK|CISPEP|SITE|CRYST1|ORIGX|SCALE|MTRIX|MODEL|ATOM|HETATM|ANISOU|TER|PARENT|SPLIT|CAVEAT)"
)


@dataclass(frozen=True)
class Parsed:
    """structure: of Biopython. mended: Biopython's warnings about faults that it ignored. ended: whether a PDB file has
    an END or TER; one without may be truncated between two lines. experiment: its method by the header, "" if none:
    models are then those of one structure."""

    structure: Any
    mended: list[str]
    ended: bool
    experiment: str

    @property
    def models(self) -> dict[str, Any]:
        """The models that are read: that of a file of one model, or the first of an experiment's, under the name "";
        each of other files, such as of designs, under its number ("_1")."""
        models = list(self.structure)
        if len(models) == 1 or self.experiment:
            return {"": models[0]}
        serials = [model.serial_num or 0 for model in models]
        numbered = min(serials) > 0 and len(set(serials)) == len(serials)
        numbers = serials if numbered else range(1, len(models) + 1)
        return {f"_{number}": model for number, model in zip(numbers, models, strict=True)}


def read_structure_file(path: str | Path) -> Parsed:
    """Read a structure file, whose format is determined by its content, not by its name."""
    path = Path(path)
    text = _text(path)
    is_cif = _is_cif(text, path)
    if not is_cif:
        _check_lines(text, path)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        structure = _parse_cif(text, path) if is_cif else _parse_pdb(text, path)
    if not len(structure):
        raise DataError(f"Expected atoms in {path}, found a file of a structure without any.")
    messages = (" ".join(str(one.message).split()) for one in caught)
    mended = list(dict.fromkeys(one for one in messages if not one.startswith("Ignoring unrecognized record")))
    ended = is_cif or any(line.startswith(("END", "TER")) for line in text.rstrip().splitlines()[-3:])
    experiment = next((one or other for one, other in _EXPERIMENT.findall(text)), "")
    return Parsed(structure, mended, ended, experiment)


def stem_of(path: Path) -> str:
    """The file's name without the ending of its format.

    Examples
    --------
    >>> stem_of(Path("runs/design.1.pdb.gz"))
    'design.1'
    """
    ending = max((one for one in STRUCTURE_FORMATS if path.name.lower().endswith(one)), key=len, default="")
    return path.name[: len(path.name) - len(ending)]


def _text(path: Path) -> str:
    if not path.is_file():
        raise DataError(f"Expected a structure at {path}, found {found_at(path)}.")
    with open_binary(path) as stream:
        data = stream.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise DataError(f"Expected at most {MOST_BYTES >> 20} MiB in {path}, found more. Cut it to the chain you need.")
    if b"\0" in data:
        raise DataError(f"Expected a PDB or mmCIF text in {path}, found a binary file. Convert it to mmCIF.")
    text = data.decode("utf-8-sig", "replace")
    if not text.strip():
        raise DataError(f"Expected a structure in {path}, found an empty file.")
    return text


def _is_cif(text: str, path: Path) -> bool:
    first = next(line for line in text.splitlines() if line.strip() and not line.startswith("#"))
    if first.lstrip().lower().startswith("data_"):
        return True
    if _PDB_START.match(first) or any(line.startswith(ATOM_RECORDS) for line in text.splitlines()):
        return False
    raise DataError(
        f"Expected a structure in PDB or mmCIF format in {path}, found a text that starts with {first[:20]!a}. "
        "Convert it."
    )


def _check_lines(text: str, path: Path) -> None:
    """Raise a DataError unless each atom's line is complete up to its coordinates."""
    atoms = 0
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith(ATOM_RECORDS):
            atoms += 1
            if len(line.rstrip()) < END_OF_COORDINATES:
                raise DataError(
                    f"Expected coordinates up to column {END_OF_COORDINATES} of line {number} of {path}, found "
                    f"{line.rstrip()[:60]!a}: the file is cut short or isn't in PDB format. Get it again."
                )
    if not atoms:
        raise DataError(f"Expected ATOM records in {path}, found none: only a header, or the file is cut short.")


def _parse_pdb(text: str, path: Path) -> Any:
    from Bio.PDB.PDBParser import PDBParser

    with reading("a PDB file", path):
        whole = "".join(map(_with_occupancy, _with_models(text.splitlines(keepends=True))))
        return PDBParser(PERMISSIVE=True, QUIET=False).get_structure(path.name, io.StringIO(whole))


def _with_models(lines: list[str]) -> list[str]:
    """The lines without what ends Biopython's reading before the last atom. In files that were put after each other,
    END is the end of a model."""
    last = max((at for at, line in enumerate(lines) if line.startswith(ATOM_RECORDS)), default=0)
    return [
        ("ENDMDL\n" if line.rstrip() == "END" else "\n") if at < last and line[:6].rstrip() in ENDS else line
        for at, line in enumerate(lines)
    ]


def _with_occupancy(line: str) -> str:
    """An atom's line with occupancy 0 if it has an alternate location without one, which Biopython can't compare."""
    alone = line[LOCATION : LOCATION + 1].isspace() or not line.startswith(ATOM_RECORDS)
    if alone or line[END_OF_COORDINATES:END_OF_OCCUPANCY].strip():
        return line
    return f"{line[:END_OF_COORDINATES]}  0.00{line[END_OF_OCCUPANCY:].rstrip()}\n"


def _parse_cif(text: str, path: Path) -> Any:
    from Bio.PDB.MMCIFParser import MMCIFParser

    class Parser(MMCIFParser):
        """A parser of files that lack the columns that mmCIF doesn't require."""

        def _build_structure(self, structure_id: str) -> None:
            columns = self._mmcif_dict
            if (number := len(columns.get("_atom_site.Cartn_x", []))) > 0:
                for name, default in OPTIONAL.items():
                    columns.setdefault(f"_atom_site.{name}", [default] * number)
                if (chains := columns.get("_atom_site.label_asym_id")) is not None:
                    columns.setdefault("_atom_site.auth_asym_id", chains)
            super()._build_structure(structure_id)

    parser = Parser(QUIET=False)
    if len(re.findall(r"^_atom_site\.Cartn_x\b", text, re.MULTILINE)) > 1:  # of which Biopython reads the last
        raise DataError(
            f"Expected one block of atoms in {path}, found several: files that were put after each other. Keep each as "
            "a file of a folder."
        )
    with reading("an mmCIF file", path):
        try:
            structure = parser.get_structure(path.name, io.StringIO(text))
        except KeyError as error:
            raise DataError(
                f"Expected atoms (_atom_site) in {path}, found no {error.args[0]}: the file is cut short, or it holds "
                "no coordinates. Get it again."
            ) from error
        columns = parser._mmcif_dict
        if len({len(cells) for name, cells in columns.items() if name.startswith("_atom_site.")}) > 1:
            # a truncated table, of which a reader that zips its columns silently drops rows
            raise DataError(
                f"Expected whole rows of atoms in {path}, found the last one cut short. Get the file again."
            )
        numbers = [model.serial_num for model in structure]
        if again := [number for number in numbers if numbers.count(number) > 1]:  # the first model would lack atoms
            raise DataError(
                f"Expected the atoms of each model together in {path}, found those of model {again[0]} at several "
                "places: the file is damaged. Get it again."
            )
    return structure


SHORTEST_CHAIN = 10
"""Minimum number of residues of a protein chain, unless all chains are shorter or the chain is requested."""
MOST_MISSING = 1000
"""Maximum number of 'X' for a gap."""
SHOWN = 5


@dataclass(frozen=True)
class Gap:
    """A break of the chain after the residue at `index`. missing: number of residues by the numbering, 0 if it is
    continuous, None if it decreases. distance: across the gap, in ångström."""

    index: int
    before: str
    after: str
    missing: int | None
    distance: float

    def __str__(self) -> str:
        many = "an unknown number" if not self.missing else self.missing
        return f"{self.before} to {self.after} ({many} missing, {self.distance:.1f} Å)"


@dataclass(frozen=True)
class StructureReport:
    """Report on reading a file. chains: number of residues of each protein chain. chosen: whether the chain was
    requested. renumbered: number of jumps in the numbering without a gap. mended, ended: see `Parsed`."""

    chain: str
    chains: dict[str, int]
    chosen: bool
    models: int
    left_out: dict[str, int]
    waters: int
    hydrogens: int
    renumbered: int
    mended: Sequence[str]
    ended: bool


@dataclass(frozen=True)
class ProteinChain:
    """residues: in order. gaps: breaks of the chain. report: on reading the file. Coordinates are in ångström."""

    residues: Sequence[Residue]
    gaps: Sequence[Gap]
    report: StructureReport

    @property
    def sequence(self) -> str:
        """One letter for each residue with coordinates, 'X' for one that isn't among the 20 amino acids."""
        return "".join(residue.letter for residue in self.residues)

    @property
    def whole_sequence(self) -> str:
        """`sequence` with an 'X' for each residue that is missing by the numbering, at most `MOST_MISSING` for a gap,
        and one 'X' for a gap of unknown length."""
        letters = list(self.sequence)
        for gap in reversed(self.gaps):
            letters.insert(gap.index + 1, UNKNOWN * min(max(gap.missing or 0, 1), MOST_MISSING))
        return "".join(letters)

    @property
    def labels(self) -> list[str]:
        """Numbers with insertion codes."""
        return [residue.label for residue in self.residues]

    def atom(self, name: str) -> Float[np.ndarray, "residue 3"]:
        """Position of this atom (N, CA, C, O, CB) in each residue, NaN if it is missing."""
        return atom_places(self.residues, name)

    def side_chain(self) -> Float[np.ndarray, "residue 3"]:
        """The centre of each side chain's heavy atoms; the CA for a residue without any, such as glycine."""
        centres = []
        for residue in self.residues:
            inside = [place for name, place in residue.atoms.items() if name not in (*BACKBONE, "OXT")]
            centres.append(np.mean(inside, 0) if inside else residue.atoms["CA"])
        return np.stack(centres)

    @property
    def missing_atoms(self) -> dict[str, frozenset[str]]:
        """Label of a residue -> its missing atoms."""
        return {residue.label: residue.missing for residue in self.residues if residue.missing}

    def notes(self) -> list[str]:
        """Notes on the file and the chain, as sentences."""
        return [sentence for applies, sentence in (*self._of_file(), *self._of_chain()) if applies]

    def _of_file(self) -> list[tuple[object, str]]:
        r = self.report
        others = ", ".join(f"{name} ({count})" for name, count in r.chains.items() if name != r.chain)
        of = f"; others: {others}" if others else ""
        return [
            (not r.chosen, f"chain {r.chain}, the first protein chain, of {len(self.residues)} residues was taken{of}"),
            (r.models > 1, f"{r.models} models: the first was taken"),
            (not r.ended, "the file has no END: it may be cut short"),
            (r.mended, f"the reader passed over {len(r.mended)} faults, the first: {next(iter(r.mended), '')}"),
            (r.left_out, f"left out of the protein: {_listed(r.left_out)}"),
            (r.waters, f"{r.waters} waters left out"),
            (r.hydrogens, f"{r.hydrogens} hydrogens left out"),
        ]

    def _of_chain(self) -> list[tuple[object, str]]:
        modified = Counter(f"{one.name} as {one.letter}" for one in self.residues if one.modified)
        alternates = sum(residue.alternates for residue in self.residues)
        several = sum(residue.alternative for residue in self.residues)
        lacking = self.missing_atoms
        absent, gaps = sum(map(len, lacking.values())), "; ".join(map(str, self.gaps[:SHOWN]))
        return [
            (modified, f"modified residues read as others: {_listed(modified)}"),
            (alternates, f"{alternates} atoms have alternate locations: those of highest occupancy were taken"),
            (several, f"{several} positions hold several residues: those of highest occupancy were taken"),
            (lacking, f"{absent} heavy atoms are missing in {len(lacking)} residues: {_some(list(lacking))}"),
            (self.gaps, f"{len(self.gaps)} gaps in the chain: {gaps}{'; ...' if len(self.gaps) > SHOWN else ''}"),
            (self.report.renumbered, f"numbers jump at {self.report.renumbered} places where the chain goes on"),
        ]


def read_structure(path: str | Path, chain: str | None = None) -> ProteinChain:
    """Read one protein chain of a file's first model: the requested one, else the first."""
    parsed, selected = _read(Path(path))
    asked = None if chain is None else chain.strip() or "_"
    return _chain(_chosen(selected, asked, Path(path))[0], asked is not None, parsed, selected, Path(path))


def read_chains(path: str | Path) -> list[ProteinChain]:
    """Read all protein chains of a file's first model."""
    parsed, selected = _read(Path(path))
    return [_chain(name, True, parsed, selected, Path(path)) for name in _chosen(selected, None, Path(path))]


def read_named_chains(path: Path) -> dict[str, ProteinChain]:
    """Read all protein chains of the models that are read (`Parsed.models`), by file, model and chain: `1abc_A`, or
    `designs_3_A`."""
    parsed = read_structure_file(path)
    found = {}
    for number, model in parsed.models.items():
        with reading("a structure of proteins", path):
            selected = select_chains(model)
        for name in _chosen(selected, None, path):
            found[f"{stem_of(path)}{number}_{name}"] = _chain(name, True, parsed, selected, path)
    return found


def _read(path: Path) -> tuple[Parsed, dict[str, Selected]]:
    parsed = read_structure_file(path)
    with reading("a structure of proteins", path):
        return parsed, select_chains(next(iter(parsed.structure)))


def _chain(name: str, chosen: bool, parsed: Parsed, selected: dict[str, Selected], path: Path) -> ProteinChain:
    residues = selected[name].residues
    if not all(np.isfinite(place).all() for residue in residues for place in residue.atoms.values()):
        raise DataError(f"Expected finite coordinates in chain {name} of {path}, found some that aren't.")
    gaps, renumbered = find_gaps(residues)
    counts = {other: len(one.residues) for other, one in selected.items()}
    return ProteinChain(residues, gaps, _report(name, counts, chosen, parsed, selected[name], renumbered))


def find_gaps(residues: Sequence[Residue]) -> tuple[list[Gap], int]:
    """Breaks between neighbours that aren't bonded, and the number of jumps in numbering between bonded ones."""
    gaps, renumbered = [], 0
    for index, (before, after) in enumerate(pairwise(residues)):
        distance, broken = bond_length(before, after)
        step = after.number - before.number
        if broken:
            gaps.append(Gap(index, before.label, after.label, max(step - 1, 0) if step >= 0 else None, distance))
        elif step not in (0, 1):
            renumbered += 1
    return gaps, renumbered


def _chosen(selected: dict[str, Selected], chain: str | None, path: Path) -> list[str]:
    """The name of the requested chain, or of all protein chains."""
    counts = {name: len(one.residues) for name, one in selected.items()}
    listed = ", ".join(f"{name} ({count} residues)" for name, count in counts.items() if count) or "none"
    if chain is not None:
        if not counts.get(chain):
            what = f"no amino acids, but {_listed(selected[chain].left_out) or 'water'}," if chain in counts else "none"
            raise DataError(f"Expected a protein chain '{chain}' in {path}, found {what}. Protein chains: {listed}.")
        return [chain]
    long = [name for name, count in counts.items() if count >= SHORTEST_CHAIN] or [n for n, c in counts.items() if c]
    if not long:
        held = sum((Counter(one.left_out) for one in selected.values()), Counter())
        raise DataError(f"Expected a protein chain in {path}, found none: it holds {_listed(held) or 'water'}.")
    return long


def _report(
    name: str, counts: dict[str, int], chosen: bool, parsed: Parsed, selected: Selected, renumbered: int
) -> StructureReport:
    proteins = {other: count for other, count in counts.items() if count}
    return StructureReport(
        name, proteins, chosen, len(parsed.structure), selected.left_out, selected.waters, selected.hydrogens,
        renumbered, parsed.mended, parsed.ended,
    )  # fmt: skip


def _listed(counts: dict[str, int]) -> str:
    return _some([f"{count} {name}" for name, count in counts.items()])


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


# Maps residues of a structure to positions of a reference, by aligning their sequences.

LEAST_IDENTITY = 0.3
"""Minimum share of matches in the shorter sequence; below it, the structure is taken for another protein's."""


@dataclass(frozen=True)
class Mismatch:
    """A position at which the structure's residue differs from the reference's."""

    label: str
    structure: str
    position: int
    reference: str

    def __str__(self) -> str:
        return f"{self.reference}{self.position} is {self.structure} (residue {self.label})"


@dataclass(frozen=True)
class Mapping:
    """places: index in the reference of each residue of the structure, -1 if not aligned. identity: share of matches
    among aligned residues."""

    reference: Reference
    places: Int[np.ndarray, " residue"]
    mismatches: Sequence[Mismatch]
    identity: float

    @property
    def coverage(self) -> float:
        """Share of the reference's positions with a residue in the structure."""
        return float((self.places >= 0).sum()) / len(self.reference.sequence)

    def on_reference(self, values: Float[np.ndarray, " residue"]) -> Float[np.ndarray, " position"]:
        """Map values of residues to the reference's positions, NaN for positions without a residue."""
        found = np.full(len(self.reference.sequence), np.nan)
        found[self.places[self.places >= 0]] = np.asarray(values)[self.places >= 0]
        return found

    def notes(self) -> list[str]:
        """Notes on mismatches and missing positions, as sentences."""
        outside, uncovered = int((self.places < 0).sum()), self.coverage < 1
        several = f"{len(self.mismatches)} residues differ from the reference: "
        several += "; ".join(map(str, self.mismatches[:SHOWN])) + ("; ..." if len(self.mismatches) > SHOWN else "")
        covered = len(self.places) - outside
        said = [
            (self.mismatches, several),
            (outside, f"{outside} residues of the structure have no position in the reference"),
            (uncovered, f"{covered} of the reference's {len(self.reference.sequence)} positions have a residue"),
        ]
        return [sentence for applies, sentence in said if applies]


def map_to_reference(chain: ProteinChain, reference: Reference, least_identity: float = LEAST_IDENTITY) -> Mapping:
    """Global alignment by BLOSUM62 with free end gaps. A structure of another protein raises a DataError."""
    sequence, places = chain.sequence, np.full(len(chain.residues), -1)
    for residue, position in _aligned(sequence, reference.sequence):
        places[residue] = position
    pairs = [(residue, int(position)) for residue, position in enumerate(places) if position >= 0]
    known = [(residue, position) for residue, position in pairs if sequence[residue] != UNKNOWN]
    mismatches = [
        Mismatch(chain.residues[one].label, sequence[one], at + reference.first, reference.sequence[at])
        for one, at in known
        if sequence[one] != reference.sequence[at]
    ]
    matches = len(known) - len(mismatches)
    shorter = min(len(sequence), len(reference.sequence))
    if matches < least_identity * shorter or not matches:
        raise DataError(
            f"Expected a structure of the reference's protein, found chain {chain.report.chain} alike at {matches} of "
            f"{shorter} residues. Give another structure, or name its chain."
        )
    return Mapping(reference, places, mismatches, matches / len(known))


def _aligned(sequence: str, reference: str) -> Iterator[tuple[int, int]]:
    """Pairs of aligned places."""
    from Bio.Align import PairwiseAligner, substitution_matrices

    aligner = PairwiseAligner(mode="global", open_gap_score=-11, extend_gap_score=-1, end_gap_score=0.0)
    aligner.substitution_matrix = substitution_matrices.load("BLOSUM62")
    best = next(iter(aligner.align(sequence, reference)))
    for (start, stop), (first, _) in zip(*best.aligned, strict=True):
        yield from zip(range(start, stop), range(first, first + stop - start), strict=True)


# Surface exposure of each residue of a chain, computed for the chain alone, without other chains of its complex.

PROBE_RADIUS = 1.4
"""Radius of a water molecule in ångström."""
SPHERE_POINTS = 200
LARGEST_AREA = {
    "A": 129.0, "R": 274.0, "N": 195.0, "D": 193.0, "C": 167.0, "E": 223.0, "Q": 225.0, "G": 104.0, "H": 224.0,
    "I": 197.0, "L": 201.0, "K": 236.0, "M": 224.0, "F": 240.0, "P": 159.0, "S": 155.0, "T": 172.0, "W": 285.0,
    "Y": 263.0, "V": 174.0,
}  # fmt: skip
"""Theoretical maximum area in Å² of a residue in Gly-X-Gly: Tien et al. 2013, table 1."""
ROWS_AT_ONCE = 1024

Centre = Literal["alpha", "side_chain"]


def relative_accessibility(chain: ProteinChain) -> Float[np.ndarray, " residue"]:
    """The solvent-accessible area (Shrake and Rupley 1973) as a share of the maximum; slightly above 1 at the ends of a
    chain. NaN for an unknown residue, and for one with missing atoms, which would seem buried."""
    from Bio.PDB.SASA import ShrakeRupley

    model = _atoms_of(chain)
    ShrakeRupley(probe_radius=PROBE_RADIUS, n_points=SPHERE_POINTS).compute(model, level="R")
    areas = np.array([residue.sasa for residue in model.get_residues()])
    return areas / np.array(
        [np.nan if residue.missing else LARGEST_AREA.get(residue.letter, np.nan) for residue in chain.residues]
    )


def weighted_contact_number(chain: ProteinChain, centre: Centre = "alpha") -> Float[np.ndarray, " residue"]:
    """sum_j 1 / r_ij^2 over the other residues, in Å^-2: high inside, low at the surface (Lin et al. 2008, eq. 1).

    centre: position of a residue: its CA, as in the paper, or the centre of its side chain.
    """
    places = chain.atom("CA") if centre == "alpha" else chain.side_chain()
    found = np.empty(len(places))
    for start in range(0, len(places), ROWS_AT_ONCE):
        part = places[start : start + ROWS_AT_ONCE]
        squared = np.square(part[:, None] - places[None]).sum(-1)
        squared[np.arange(len(part)), np.arange(start, start + len(part))] = np.inf
        found[start : start + len(part)] = (1 / np.maximum(squared, 1.0)).sum(1)
    return found


def _atoms_of(chain: ProteinChain) -> Any:
    """The residues as a Biopython model, numbered from 1; that of the file has hydrogens and alternate locations."""
    from Bio.PDB.Atom import Atom
    from Bio.PDB.Chain import Chain
    from Bio.PDB.Model import Model
    from Bio.PDB.Residue import Residue as Entity

    model, entities = Model(0), Chain("A")
    model.add(entities)
    for number, residue in enumerate(chain.residues, 1):
        entity = Entity((" ", number, " "), residue.name, "")
        for (name, place), element in zip(residue.atoms.items(), residue.elements, strict=True):
            entity.add(Atom(name, place, 0.0, 1.0, " ", name, number, element=element))
        entities.add(entity)
    return model
