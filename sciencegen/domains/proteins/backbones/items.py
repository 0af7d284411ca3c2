"""Backbones as items: one chain with the atoms N, CA, C and O of every residue, and its text in one line."""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from dataclasses import dataclass
from itertools import pairwise
from string import ascii_uppercase

import numpy as np
from jaxtyping import Float

from sciencegen.domains.proteins.items import ALPHABET, COORDINATES
from sciencegen.domains.proteins.residues import BACKBONE, UNKNOWN
from sciencegen.errors import ConfigError
from sciencegen.items import Refusal

# Cyclic assemblies: an item is one chain, its copies are turned about the z axis through the origin.

MOST_COPIES = 24
OTHER_SYMMETRIES = ("D", "T", "O", "I")
"""First letters of symmetries that aren't cyclic: dihedral, tetrahedral, octahedral, icosahedral."""
_CYCLIC = re.compile(r"[Cc](\d{1,3})")


def copy_count(symmetry: str) -> int:
    """Number of chains of an assembly: 3 for "C3", 1 for "".

    Raises
    ------
    ConfigError
        For a text that isn't a cyclic symmetry.
    """
    found = _CYCLIC.fullmatch(symmetry.strip())
    if not symmetry:
        return 1
    if found is None or not 2 <= int(found[1]) <= MOST_COPIES:
        why = " Others, such as dihedral ones, can't be drawn." if symmetry[:1].upper() in OTHER_SYMMETRIES else ""
        raise ConfigError(f"Expected a cyclic `symmetry`, C2 to C{MOST_COPIES}, got '{symmetry}'.{why}")
    return int(found[1])


def rotations(count: int) -> Float[np.ndarray, "copy 3 3"]:
    """Rotations about the z axis by multiples of 360 / count degrees; the first is none."""
    angles = 2 * np.pi * np.arange(count) / count
    cosine, sine, none = np.cos(angles), np.sin(angles), np.zeros(count)
    return np.stack([cosine, -sine, none, sine, cosine, none, none, none, none + 1], 1).reshape(-1, 3, 3)


def assembly(places: Float[np.ndarray, "*atom 3"], symmetry: str) -> Float[np.ndarray, "copy *atom 3"]:
    """The places of all copies of a chain's atoms."""
    return np.einsum("cxy,...y->c...x", rotations(copy_count(symmetry)), np.asarray(places, np.float64))


def chain_names(first: str, count: int) -> list[str]:
    """Names of the chains: that of the first one, then the letters that are left."""
    return [first, *(letter for letter in ascii_uppercase if letter != first)][:count]


PREFIX = COORDINATES
"""Start of the text of a backbone."""
UNREADABLE = "unreadable:"
"""Start of the text of a row that could not be read; the reason follows."""
SHORTEST = 10
"""Minimum number of residues."""
LONGEST = 2048
"""Maximum number of residues."""
FARTHEST = 9999.0
"""Limit of coordinates in ångström. The eight columns of PDB files hold three decimals above -1000, two below."""
CLOSEST = 0.01
"""Minimum distance in ångström of bonded atoms; two in one place have no direction. Bad geometry is for judges."""
DECIMALS = 3
LETTERS = frozenset(ALPHABET + UNKNOWN)

_LABEL = re.compile(r"(-?\d{1,6})([A-Za-z]?)", re.ASCII)
_RANGE = re.compile(r"(-?\d{1,6})\.\.(-?\d{1,6})")


@dataclass(frozen=True, eq=False)
class Backbone:
    """One chain, or one of the equal chains of a cyclic assembly.

    Parameters
    ----------
    coordinates : float32 [residue 4 3]
        Atoms N, CA, C and O of each residue in ångström, with three decimals.
    sequence : str
        A letter for each residue, 'X' for an unknown one.
    numbers : tuple of str
        The number of each residue, with its insertion code ("52", "52A").
    name, chain : str
    symmetry : str
        Of the assembly, such as "C3", with its axis along z through the origin; "" for a chain by itself.
    """

    coordinates: Float[np.ndarray, "residue 4 3"]
    sequence: str
    numbers: tuple[str, ...]
    name: str = ""
    chain: str = "A"
    symmetry: str = ""

    def __len__(self) -> int:
        return len(self.sequence)

    @property
    def trace(self) -> Float[np.ndarray, "residue 3"]:
        """Positions of the alpha carbons."""
        return self.coordinates[:, 1]

    @property
    def copies(self) -> Float[np.ndarray, "copy residue 4 3"]:
        """Coordinates of all chains of the assembly, float64; the first are those of the item."""
        return assembly(self.coordinates, self.symmetry)


def backbone(
    coordinates: Float[np.ndarray, "residue 4 3"], sequence: str = "", numbers: tuple[str, ...] = (), name: str = "",
    chain: str = "A", symmetry: str = "",
) -> Backbone | Refusal:  # fmt: skip
    """A checked item with rounded coordinates. By default the sequence is unknown, and numbers start at 1."""
    places = np.asarray(coordinates, np.float64)
    try:
        copies = copy_count(symmetry)
    except ConfigError as error:
        return Refusal(str(error))
    if refusal := why_unusable(places):
        return refusal
    count = len(places)
    sequence, numbers = sequence or UNKNOWN * count, numbers or tuple(map(str, range(1, count + 1)))
    if len(sequence) != count or len(numbers) != count:
        return Refusal(f"{count} residues with {len(sequence)} letters and {len(numbers)} numbers")
    if refusal := _why_misnumbered(numbers):
        return refusal
    if not LETTERS.issuperset(sequence):
        return Refusal(f"letter '{next(iter(set(sequence) - LETTERS))}', which is no amino acid")
    rounded = places.round(DECIMALS).astype(np.float32)
    return Backbone(rounded, sequence, numbers, _word(name), _word(chain) or "A", f"C{copies}" if copies > 1 else "")


def why_unusable(places: Float[np.ndarray, "residue 4 3"]) -> Refusal | None:
    """A Refusal for coordinates that are no chain: too short or long, not finite, too large, atoms in one place."""
    if not SHORTEST <= len(places) <= LONGEST:
        return Refusal(f"{len(places)} residues; {SHORTEST} to {LONGEST} are accepted")
    if not np.isfinite(places).all():
        index, atom, _ = np.argwhere(~np.isfinite(places))[0]
        return Refusal(f"residue {index + 1} has no coordinates of {BACKBONE[atom]}")
    if np.abs(places).max() >= FARTHEST:
        return Refusal(
            f"an atom lies {np.abs(places).max():.0f} Å from the origin; less than {FARTHEST:.0f} Å expected"
        )
    apart = np.linalg.norm(places[:, [0, 0, 1, 2]] - places[:, [1, 2, 2, 3]], axis=-1)
    if (apart < CLOSEST).any():
        index = int(np.argwhere(apart < CLOSEST)[0, 0])
        return Refusal(f"residue {index + 1} has two atoms in one place")
    return None


def _why_misnumbered(numbers: tuple[str, ...]) -> Refusal | None:
    """A Refusal for numbers that the text or a file of the item couldn't hold: odd ones, and one of two residues."""
    odd = next((one for one in numbers if not _LABEL.fullmatch(one)), None)
    if odd is not None:
        return Refusal(f"residue number '{odd[:20]}'; up to six digits and a letter are accepted")
    if len(set(numbers)) < len(numbers):
        twice = next(one for one in numbers if numbers.count(one) > 1)
        return Refusal(f"two residues have the number {twice}")
    return None


def _word(text: str) -> str:
    return "_".join(text.replace(":", " ").split())


def text(item: Backbone) -> str:
    """One line: name, chain, numbers, sequence, coordinates (differences of 0.001 Å, deflated, in base 64), and the
    symmetry of an assembly."""
    packed = base64.b64encode(_packed(item.coordinates)).decode("ascii")
    symmetry = f":{item.symmetry}" if item.symmetry else ""
    return f"{PREFIX}{item.name}:{item.chain}:{_ranges(item.numbers)}:{item.sequence}:{packed}{symmetry}"


def parse_text(line: str) -> Backbone | Refusal:
    """The item of a `text`."""
    parts = line.removeprefix(PREFIX).split(":")
    if len(parts) not in (5, 6):
        return Refusal("not the text of a backbone: five or six parts expected")
    name, chain, ranges, sequence, packed, *symmetry = parts
    numbers = _labels(ranges)
    if numbers is None or len(numbers) != len(sequence):
        return Refusal("not the text of a backbone: a number for each letter expected")
    coordinates = _unpacked(packed, len(sequence))
    if coordinates is None:
        return Refusal(f"not the text of a backbone: coordinates of {len(sequence)} residues expected")
    return backbone(coordinates, sequence, numbers, name, chain, "".join(symmetry))


def key(item: Backbone) -> str:
    """Identity of a backbone: its sequence and, to 0.01 Å, the spread of its CA atoms along their principal axes, with
    a sign for the handedness; of an assembly, the spread of all its chains. Invariant to translation and rotation."""
    trace = item.copies[:, :, 1].reshape(-1, 3)
    centred = trace - trace.mean(0)
    spread = np.linalg.svd(centred, compute_uv=False) / np.sqrt(len(trace))
    steps = np.diff(centred[: len(item)], axis=0)
    volume = np.einsum("ix,ix->i", np.cross(steps[:-2], steps[1:-1]), steps[2:]).mean()
    return f"{item.sequence} {np.round(spread, 2).tolist()} {'right' if volume > 0 else 'left'}{item.symmetry}"


def _packed(coordinates: Float[np.ndarray, "residue 4 3"]) -> bytes:
    """Differences of successive atoms as 32-bit numbers, the first bytes of all numbers first; deflated."""
    whole = np.rint(coordinates.astype(np.float64).reshape(-1, 3) * 10**DECIMALS).astype(np.int64)
    differences = np.diff(whole, axis=0, prepend=0).astype("<i4")
    return zlib.compress(differences.reshape(-1).view(np.uint8).reshape(-1, 4).T.tobytes(), 9)


def _unpacked(packed: str, count: int) -> Float[np.ndarray, "residue 4 3"] | None:
    size = 4 * 3 * 4 * count
    try:
        inflater = zlib.decompressobj()
        raw = inflater.decompress(base64.b64decode(packed, validate=True), size + 1)
    except (zlib.error, binascii.Error, ValueError):
        return None
    if len(raw) != size or not inflater.eof or not 0 < count <= LONGEST:
        return None
    planes = np.frombuffer(raw, np.uint8).reshape(4, -1)
    differences = np.ascontiguousarray(planes.T).view("<i4").reshape(-1, 3)
    return differences.astype(np.int64).cumsum(0).reshape(count, 4, 3) / 10.0**DECIMALS


def _ranges(numbers: tuple[str, ...]) -> str:
    """Successive numbers as `1..80`, others one by one, separated by commas."""
    starts = [0] + [at + 1 for at, (one, two) in enumerate(pairwise(numbers)) if not _follows(one, two)]
    runs = [numbers[start:stop] for start, stop in pairwise([*starts, len(numbers)])]
    return ",".join(run[0] if len(run) == 1 else f"{run[0]}..{run[-1]}" for run in runs)


def _follows(one: str, two: str) -> bool:
    return one.lstrip("-").isdecimal() and two.lstrip("-").isdecimal() and int(two) == int(one) + 1


def _labels(ranges: str) -> tuple[str, ...] | None:
    labels: list[str] = []
    for part in ranges.split(","):
        if found := _RANGE.fullmatch(part):
            first, last = int(found[1]), int(found[2])
            if not 0 < last - first < LONGEST:
                return None
            labels += map(str, range(first, last + 1))
        elif _LABEL.fullmatch(part):
            labels.append(part)
        else:
            return None
    return tuple(labels)
