"""Example items of each domain and form, as texts."""

from __future__ import annotations

from functools import cache
from itertools import islice

import numpy as np

from sciencegen.data.cards import load_card
from sciencegen.domains import load_domain
from tests.domains.proteins.examples import GB1, family


@cache
def examples(name: str) -> tuple[str, ...]:
    """A handful of usual items."""
    return tuple(_EXAMPLES[name]())


def _clouds() -> list[str]:
    clouds = np.random.default_rng(0).normal(0, 1, (6, 5, 2))
    return [load_domain("pointclouds").items.text(cloud) for cloud in clouds]


def _molecules() -> list[str]:
    from tests.domains.molecules.conftest import DRUGS

    return DRUGS


def _structures() -> list[str]:
    from sciencegen.domains.molecules.structure_files import read_structures

    rows = load_card("molecules/qm9").sample_rows(read_structures)
    return [row.text for row in islice(rows["test"], 6)]


def _aligned() -> list[str]:
    from sciencegen.domains.proteins.items import decode_rows

    return decode_rows(family(np.random.default_rng(0), 8, 40))


def _galaxies() -> list[str]:
    simulate = load_domain("galaxies").items.simulate
    assert simulate is not None
    return [text for text, _ in simulate({}, 0, 0, 6)]


def _backbones() -> list[str]:
    from tests.domains.proteins.backbones.examples import chains

    return [load_domain("proteins/structures").items.text(one) for one in chains()]


def _arrays() -> list[str]:
    from tests.domains.tables.known_table import texts

    return texts(30)


def _crystals() -> list[str]:
    items = load_domain("crystals").items
    return [row.text for row in islice(load_card("crystals/materials-project").sample_rows(items.read)["all"], 6)]


_EXAMPLES = {
    "crystals": _crystals,
    "arrays": _arrays,
    "pointclouds": _clouds,
    "molecules": _molecules,
    "molecules/structures": _structures,
    "proteins": lambda: [GB1, GB1[:-1] + "A", "W" + GB1[1:], "WK" + GB1[2:]],
    "proteins/aligned": _aligned,
    "proteins/structures": _backbones,
    "galaxies": _galaxies,
}
