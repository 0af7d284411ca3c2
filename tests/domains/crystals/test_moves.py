"""Moves of crystals, and which crystals are plausible."""

import numpy as np

from sciencegen.domains.crystals.geometry import space_group
from sciencegen.domains.crystals.items import parse_text, text
from sciencegen.domains.crystals.moves import distort, plausible


def test_a_distortion_keeps_the_space_group():
    rutile = parse_text(
        "crystal:4.59 4.59 2.96 90 90 90|Ti 0 0 0|Ti 0.5 0.5 0.5"
        "|O 0.305 0.305 0|O 0.695 0.695 0|O 0.195 0.805 0.5|O 0.805 0.195 0.5"
    )
    made = [distort(rutile, np.random.default_rng(seed)) for seed in range(5)]
    assert {space_group(one, 0.001) for one in made} == {136}
    assert len({text(one) for one in made}) == 5


def test_atoms_nearer_than_those_of_their_elements_in_known_crystals_are_implausible():
    salt = "crystal:{0} {0} {0} 60 60 60|Na 0 0 0|Cl 0.5 0.5 0.5"
    assert plausible(parse_text(salt.format(3.99)))
    assert not plausible(parse_text(salt.format(3.3)))  # 2.33 Å, four fifths of the covalent radii
