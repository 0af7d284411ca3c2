"""Properties equal RDKit's own, on molecules stranger than any data set."""

import sys
from pathlib import Path

import numpy as np
import pytest
from rdkit import Chem, RDConfig
from rdkit.Chem import QED, Crippen, Descriptors, FilterCatalog, rdMolDescriptors

from sciencegen.domains.molecules import DOMAIN
from sciencegen.domains.molecules.alerts import CATALOGS, alert_catalog
from sciencegen.domains.molecules.patterns import PatternScreen
from sciencegen.domains.molecules.properties import drug_likeness, fragment_table, synthetic_accessibilities
from sciencegen.errors import ConfigError

REFERENCES = {
    "logp": Crippen.MolLogP,
    "qed": QED.qed,
    "tpsa": Descriptors.TPSA,
    "mw": Descriptors.MolWt,
    "hbd": rdMolDescriptors.CalcNumHBD,
    "hba": rdMolDescriptors.CalcNumHBA,
    "rotatable_bonds": rdMolDescriptors.CalcNumRotatableBonds,
    "rings": rdMolDescriptors.CalcNumRings,
}


@pytest.fixture(scope="session")
def sascorer():
    folder = Path(RDConfig.RDContribDir) / "SA_Score"
    if not (folder / "sascorer.py").exists():
        pytest.skip("this RDKit comes without its Contrib folder")
    sys.path.insert(0, str(folder))
    import sascorer

    sys.path.remove(str(folder))
    return sascorer


def fresh(molecules):
    """Copies without anything that RDKit remembers, in the same order of atoms: its ring count may depend on that."""
    return [Chem.MolFromMolBlock(Chem.MolToMolBlock(molecule)) for molecule in molecules]


@pytest.mark.long
@pytest.mark.parametrize("name", REFERENCES)
def test_equal_to_rdkit(name, mutants):
    expected = [REFERENCES[name](molecule) for molecule in fresh(mutants)]
    assert np.abs(DOMAIN.measure(mutants, [name])[:, 0] - expected).max() <= 1e-9


def test_sa_equals_rdkits_contribution(sascorer, mutants):
    expected = np.array([sascorer.calculateScore(molecule) for molecule in fresh(mutants)])
    assert np.abs(synthetic_accessibilities(mutants) - expected).max() <= 1e-9
    assert np.ptp(expected) > 4


def test_the_fragment_table_is_rdkits(sascorer):
    sascorer.readFragmentScores()
    fragments, contributions = fragment_table()
    assert dict(zip(fragments.tolist(), contributions.tolist(), strict=True)) == sascorer._fscores


def test_qed_of_explicit_hydrogens():
    molecule = Chem.AddHs(DOMAIN.items.parse("CC(=O)Oc1ccccc1C(=O)O"))
    assert DOMAIN.measure([molecule], ["qed"])[0, 0] == pytest.approx(QED.qed(molecule), abs=1e-12)


def test_qed_alerts_are_all_found(mutants):
    for molecule in mutants:
        assert drug_likeness(molecule) == pytest.approx(QED.qed(molecule), abs=1e-12)


@pytest.mark.parametrize("catalogs", [("PAINS", "BRENK"), ("NIH", "ZINC")], ids="+".join)
def test_alerts_equal_rdkits_catalog(catalogs, mutants):
    parameters = FilterCatalog.FilterCatalogParams()
    for name in catalogs:
        parameters.AddCatalog(getattr(FilterCatalog.FilterCatalogParams.FilterCatalogs, name))
    reference, catalog = FilterCatalog.FilterCatalog(parameters), alert_catalog(catalogs)
    molecules = mutants[:400]
    expected = [sorted(match.GetDescription() for match in reference.GetMatches(molecule)) for molecule in molecules]
    assert [catalog.matches(molecule) for molecule in molecules] == expected
    assert [catalog.count(molecule) for molecule in molecules] == [len(names) for names in expected]
    assert sum(map(len, expected)) > 100


def test_every_catalog_loads():
    for name in CATALOGS:
        assert alert_catalog((name,)).count(DOMAIN.items.parse("CCO")) == 0
    with pytest.raises(ConfigError, match="PAINS"):
        alert_catalog(("PAIN",))


def test_the_screen_spares_most_searches(mutants):
    screen = PatternScreen(QED.StructuralAlerts)
    assert np.mean([len(screen.candidates(molecule)) for molecule in mutants]) < 0.5 * len(QED.StructuralAlerts)


@pytest.mark.parametrize(
    ("smarts", "smiles"),
    [
        ("[!C]-O", "CO"),
        ("[!C]-O", "OO"),
        ("[O-]", "CC(=O)[O-]"),
        ("[N,O;H2]", "CN"),
        ("[$([CH2]C)]=C", "CC=C"),
        ("C!-C", "C=C"),
        ("C!=C", "C=C"),
        ("N->[Fe]", "N->[Fe]"),
        ("*~*", "C#N"),
        ("[#6]:[#6]", "c1ccccc1"),
        ("[2H]C", "[2H]C"),
        ("[CH3]", "[H]C([H])([H])Cl"),
    ],
)
def test_the_screen_never_loses_a_match(smarts, smiles):
    query, molecule = Chem.MolFromSmarts(smarts), Chem.MolFromSmiles(smiles)
    if molecule.HasSubstructMatch(query):
        assert PatternScreen([query, None]).candidates(molecule) == [0, 1]
    else:
        assert 1 in PatternScreen([query, None]).candidates(molecule)


def test_a_failing_molecule_is_nan_alone():
    good = DOMAIN.items.parse("CCO")
    bad = Chem.MolFromSmiles("CCO", sanitize=False)  # no rings perceived: descriptors refuse it
    values = DOMAIN.measure([good, bad, good], ["logp", "rings"])
    assert np.isnan(values[1]).any()
    assert np.isfinite(values[[0, 2]]).all()


def test_units_ranges_and_names(mutants):
    assert DOMAIN.measure([], list(DOMAIN.properties)).shape == (0, len(DOMAIN.properties))
    for name, prop in DOMAIN.properties.items():
        assert prop.name == name
        assert prop.low < prop.high
        assert prop.tolerance > 0
        assert prop.description
    with pytest.raises(ConfigError, match="'logp'"):
        DOMAIN.measure(mutants[:1], ["logP"])
