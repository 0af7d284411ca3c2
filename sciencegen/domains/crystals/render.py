"""Draws crystals: atoms of a cell and on its faces, whole polyhedra and groups, and the edges of the cell."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from sciencegen.domains.crystals.elements import colours, element_data
from sciencegen.domains.crystals.files import parse, read
from sciencegen.domains.crystals.items import SYMBOLS, Crystal
from sciencegen.items import Refusal

VIEW = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
"""Rows right, up and towards the viewer, before the turn."""
TURN, TILT = -22.0, 14.0
"""Degrees."""
BOND = 1.2
"""Atoms are joined within this multiple of the sum of covalent radii, if one is no metal or all are."""
SHELL = 1.3
"""And within this multiple of the distance to the nearest partner of the less electronegative one."""
MOST_PARTNERS = 8
"""An atom with more of them, such as Ba in BaTiO3, is joined only with those that have no nearer partner."""
HYDROGEN = 5.0
"""Rank of hydrogen among electronegativities: it surrounds others, as in NH3."""
ON_FACE = 0.02
"""Share of an edge within which an atom lies on a face, and is drawn on the opposite one too."""
MOST_DRAWN = 400
SIZE = 0.38
"""Radius of a drawn atom as a share of the covalent one."""


def shown_atoms(
    item: Crystal,
) -> tuple[Int[np.ndarray, " atom"], Float[np.ndarray, "atom 3"], Int[np.ndarray, "bond 2"]]:
    """Atomic numbers and positions in ångström of the atoms in the cell, on its faces, and of those outside that are
    joined with a less electronegative one of these; and pairs of them that are joined."""
    starts = np.where(item.places > 1 - ON_FACE, item.places - 1, item.places)
    ways = [itertools.product(*((0, 1) if at < ON_FACE else (0,) for at in place)) for place in starts]
    shown = {(atom, *shift): None for atom, shifts in enumerate(ways) for shift in shifts}
    joined = bonds(item, starts)
    for atom, *shift in [*shown]:
        for other, step, completed in joined[atom]:
            if completed:
                shown[(other, *np.add(shift, step).tolist())] = None
    rows = {one: row for row, one in enumerate(itertools.islice(shown, MOST_DRAWN))}
    pairs = {
        (min(row, end), max(row, end))
        for (atom, *shift), row in rows.items()
        for other, step, _ in joined[atom]
        if (end := rows.get((other, *np.add(shift, step).tolist()))) is not None
    }
    chosen = np.array([*rows])
    positions = (starts[chosen[:, 0]] + chosen[:, 1:]) @ item.lattice
    return item.numbers[chosen[:, 0]], positions, np.array(sorted(pairs), int).reshape(-1, 2)


def bonds(item: Crystal, places: Float[np.ndarray, "atom 3"]) -> list[list[tuple[int, Int[np.ndarray, "3"], bool]]]:
    """For each atom at its fractional coordinates the atoms that it is joined with: their numbers, in which cells, and
    whether they belong to the surroundings of this atom, as it isn't more electronegative."""
    from scipy.spatial import cKDTree

    data = element_data()
    radii = np.nan_to_num(data["covalent_radius"], nan=1.6)[item.numbers]
    metal = np.nan_to_num(data["metal"], nan=1.0)[item.numbers] == 1
    rank = np.where(item.numbers == 1, HYDROGEN, np.nan_to_num(data["electronegativity"], nan=1.3)[item.numbers])
    most = 2 * BOND * radii.max()
    reach = np.ceil(most * np.linalg.norm(np.linalg.inv(item.lattice), axis=0)).astype(int) + 1
    steps = np.array([*itertools.product(*(range(-n, n + 1) for n in reach))])
    points = (places + steps[:, None]).reshape(-1, 3) @ item.lattice
    near = cKDTree(places @ item.lattice).sparse_distance_matrix(cKDTree(points), most, output_type="coo_matrix")
    first, image, apart = near.row[near.data > 0], near.col[near.data > 0], near.data[near.data > 0]
    second = image % len(item)
    possible = (apart < BOND * (radii[first] + radii[second])) & (~(metal[first] & metal[second]) | metal.all())
    first, image, second, apart = first[possible], image[possible], second[possible], apart[possible]
    nearest = np.full(len(item), np.inf)
    np.minimum.at(nearest, first, apart)
    centre = np.where(rank[first] <= rank[second], first, second)
    within = apart < SHELL * nearest[centre]
    crowded = np.bincount(first[within & (centre == first)], minlength=len(item)) > MOST_PARTNERS
    within &= ~crowded[centre] | (apart < SHELL * np.minimum(nearest[first], nearest[second]))
    found: list[list[tuple[int, Int[np.ndarray, "3"], bool]]] = [[] for _ in places]
    for one, other, at in zip(first[within], second[within], image[within], strict=True):
        found[one].append((int(other), steps[at // len(item)], bool(rank[one] <= rank[other]) and not metal.all()))
    return found


def render(item: Crystal, width: int, height: int) -> str:
    """An SVG element: atoms nearer to the viewer cover others, and are less pale."""
    numbers, positions, joined = shown_atoms(item)
    turn = _rotation(TURN, TILT)
    seen = lambda points: points @ VIEW.T @ turn.T  # noqa: E731
    corners = np.array(list(itertools.product((0, 1), repeat=3)), float) @ item.lattice
    middle = corners.mean(0)
    atoms, box = seen(positions - middle), seen(corners - middle)
    radii = SIZE * np.nan_to_num(element_data()["covalent_radius"], nan=1.6)[numbers]
    low = np.minimum((atoms[:, :2] - radii[:, None]).min(0), box[:, :2].min(0))
    high = np.maximum((atoms[:, :2] + radii[:, None]).max(0), box[:, :2].max(0))
    legend = 18 if height >= 100 else 0
    scale = min((width - 8) / (high[0] - low[0]), (height - 8 - legend) / (high[1] - low[1]))
    shift = np.array([width, height - legend]) / 2 - scale * np.array([1, -1]) * (low + high) / 2
    flat = lambda points: points[:, :2] * [scale, -scale] + shift  # noqa: E731
    deep, far = atoms[:, 2], max(float(np.ptp(atoms[:, 2])), 1e-6)
    paleness = 0.45 * (deep.max() - deep) / far
    tones = [_mixed(colours()[number], pale) for number, pale in zip(numbers, paleness, strict=True)]
    drawn = [
        *_edges(box, flat(box)),
        *_bonds(joined, flat(atoms), deep, tones, scale),
    ]
    for (x, y), radius, tone, z in zip(flat(atoms), radii * scale, tones, deep, strict=True):
        ball = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{tone}" stroke="#333" stroke-width="0.6"/>'
        place = f'cx="{x - 0.3 * radius:.1f}" cy="{y - 0.3 * radius:.1f}"'
        drawn.append((z, f'{ball}<circle {place} r="{0.32 * radius:.1f}" fill="#fff" opacity="0.45"/>'))
    shapes = "".join(shape for _, shape in sorted(drawn, key=lambda pair: pair[0]))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
        f"{shapes}{_legend(item, width, height) if legend else ''}</svg>"
    )


def _rotation(turn: float, tilt: float) -> Float[np.ndarray, "3 3"]:
    a, b = np.radians(turn), np.radians(tilt)
    about_up = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    about_right = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    return about_right @ about_up


def _mixed(colour: str, pale: float) -> str:
    parts = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    return "#" + "".join(f"{round(part + (255 - part) * pale):02x}" for part in parts)


def _edges(box: Float[np.ndarray, "8 3"], flat: Float[np.ndarray, "8 2"]) -> Iterator[tuple[float, str]]:
    """The twelve edges of the cell. Corners count in binary along a, b, c."""
    for first, second in itertools.combinations(range(8), 2):
        if (first ^ second) in (1, 2, 4):
            (x, y), (u, v) = flat[first], flat[second]
            line = f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{u:.1f}" y2="{v:.1f}" stroke="#9aa" stroke-width="0.8"/>'
            yield float(box[[first, second], 2].min()), line


def _bonds(
    pairs: Int[np.ndarray, "bond 2"], flat: Float[np.ndarray, "atom 2"], deep: Float[np.ndarray, " atom"],
    tones: Sequence[str], scale: float,
) -> Iterator[tuple[float, str]]:  # fmt: skip
    """Each bond in two halves, in the colours of its atoms."""
    wide = max(1.2, min(0.22 * scale, 7.0))
    for first, second in pairs:
        middle = (flat[first] + flat[second]) / 2
        for end in (first, second):
            (x, y), (u, v) = flat[end], middle
            ends = f'x1="{x:.1f}" y1="{y:.1f}" x2="{u:.1f}" y2="{v:.1f}"'
            under = f'<line {ends} stroke="#444" stroke-width="{wide + 1:.1f}"/>'
            yield (
                float(deep[[first, second]].min()) + 1e-3,
                f'{under}<line {ends} stroke="{tones[end]}" stroke-width="{wide:.1f}"/>',
            )


def _legend(item: Crystal, width: int, height: int) -> str:
    """A disc and a symbol for each element."""
    elements = list(dict.fromkeys(item.numbers.tolist()))[: max(1, (width - 8) // 34)]
    start = (width - 34 * len(elements)) / 2
    return "".join(
        f'<circle cx="{start + 34 * at + 7:.1f}" cy="{height - 10}" r="5" fill="{colours()[number]}" stroke="#333" '
        f'stroke-width="0.6"/><text x="{start + 34 * at + 15:.1f}" y="{height - 6}" font-size="11" '
        f'font-family="sans-serif" fill="#333">{SYMBOLS[number - 1]}</text>'
        for at, number in enumerate(elements)
    )


def viewer_record(item: Crystal) -> str:
    """The drawn atoms as a block of XYZ for the viewer."""
    numbers, positions, _ = shown_atoms(item)
    rows = (f"{SYMBOLS[n - 1]} {x:.4f} {y:.4f} {z:.4f}" for n, (x, y, z) in zip(numbers, positions, strict=True))
    return "\n".join([str(len(numbers)), "", *rows]) + "\n"


def records(path: Path) -> tuple[str, Iterator[str]]:
    """The name of the format, and each item of a file as a record; "" for one that can't be read."""
    items = (parse(row.text) for row in read(path))
    return "xyz", ("" if isinstance(item, Refusal) else viewer_record(item) for item in items)
