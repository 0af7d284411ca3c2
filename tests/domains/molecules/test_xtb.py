"""Values of GFN2-xTB: their names without the package, known values, and laws of the structure."""

from importlib.util import find_spec

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import rdMolTransforms

from sciencegen.domains.molecules import DOMAIN
from sciencegen.domains.molecules.geometry import with_structure
from sciencegen.domains.molecules.oracles import KCAL, xtb_oracle
from sciencegen.domains.molecules.structured import DOMAIN as STRUCTURES
from sciencegen.errors import ConfigError, MissingLibrary

needs_package = pytest.mark.skipif(find_spec("tblite") is None, reason="pip install 'sciencegen[xtb]'")
WATER = -137.9764
"""Energy of water at its minimum, eV: -5.070544 hartree by the program xtb."""


def scores(name, *smiles, domain=DOMAIN):
    return domain.oracles.find(name).score([DOMAIN.items.parse(one) for one in smiles])


def test_an_unknown_quantity_names_the_known_ones():
    with pytest.raises(ConfigError, match=r"'gaps'\. Did you mean 'gap'"):
        xtb_oracle("xtb:gaps")
    assert xtb_oracle("gap") is None


@pytest.mark.skipif(find_spec("tblite") is not None, reason="tblite is here")
def test_the_missing_package_is_named_with_its_extra():
    with pytest.raises(MissingLibrary, match=r"tblite for `xtb:gap`.*sciencegen\[xtb\]"):
        xtb_oracle("xtb:gap")


@needs_package
def test_water_has_its_energy_at_the_minimum():
    (energy,), (strain,) = scores("xtb:energy", "O"), scores("xtb:strain", "O")
    assert 0 < strain.value < 1
    assert energy.value - strain.value / KCAL * 27.211386 == pytest.approx(WATER, abs=2e-3)


@needs_package
def test_benzene_has_no_dipole_moment_and_nitriles_have_a_large_one():
    benzene, nitrile = scores("xtb:dipole", "c1ccccc1", "CC#N")
    assert benzene.value < 0.01
    assert nitrile.value == pytest.approx(3.92, abs=0.5)  # measured


@needs_package
def test_what_has_no_value_says_why():
    charged, heavy = scores("xtb:dipole", "C[N+](C)(C)C", "[Og]")
    assert "charged" in charged.failure
    assert "elements" in heavy.failure
    assert scores("xtb:gap", "[CH3]")[0].value > 0


@needs_package
def test_a_structure_is_taken_as_it_is_drawn_and_may_be_turned():
    structure = with_structure(DOMAIN.items.parse("CCO")).molecule
    turned, stretched = Chem.Mol(structure), Chem.Mol(structure)
    angle = np.array([[0, -1, 0, 1], [1, 0, 0, 2], [0, 0, 1, 3], [0, 0, 0, 1.0]])
    rdMolTransforms.TransformConformer(turned.GetConformer(), angle)
    rdMolTransforms.SetBondLength(stretched.GetConformer(), 0, 1, 1.7)
    one, other, longer = (
        each.value for each in STRUCTURES.oracles.find("xtb:strain").score([structure, turned, stretched])
    )
    assert other == pytest.approx(one, abs=0.02)
    assert longer > one + 5
