"""Design spaces of what is exposed in a structure."""

import numpy as np
import pytest

from sciencegen.domains.proteins import DOMAIN
from sciencegen.domains.proteins.design import MEASURES, read_span
from sciencegen.domains.proteins.structures import read_structure
from sciencegen.errors import ConfigError
from tests.domains.proteins.example_structures import pdb, peptide

WILD = "MKVLAWGHYEDRPSTNQCIF"


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "1abc.pdb"
    path.write_text(pdb(peptide(WILD, 101)))
    return path


@pytest.mark.parametrize("name", MEASURES)
def test_what_lies_within_the_limits_is_open(path, name):
    values = MEASURES[name](read_structure(path))
    middle = round(float(np.median(values)), 3)
    for limit, inside in ((f"{middle}..", values >= middle), (f"..{middle}", values <= middle)):
        space = DOMAIN.design.space([], reference=f"{WILD}/1-20", structure=str(path), **{name: limit})
        assert set(space.others) == set(np.flatnonzero(inside).tolist())
        assert any(f"{name} of residues is from" in note and limit in note for note in space.notes)
        outside = next(place for place in range(20) if not inside[place])
        assert not space.accepts(WILD[:outside] + ("A" if WILD[outside] != "A" else "G") + WILD[outside + 1 :])


def test_positions_and_residues_still_hold(path):
    options = dict(reference=WILD, structure=str(path), exposure="0..", positions="2-5", residues="AV 3:L")
    space = DOMAIN.design.space([], **options)
    assert {place: set(some) for place, some in space.others.items()} == {1: {*"AV"}, 2: {"L"}, 3: {*"AV"}, 4: {"V"}}


def test_a_residue_without_all_its_atoms_stays_closed(tmp_path):
    path = tmp_path / "1abc.pdb"
    path.write_text(pdb([one for one in peptide(WILD) if (one.number, one.atom) != (2, "NZ")]))
    space = DOMAIN.design.space([], reference=WILD, structure=str(path), exposure="0..")
    assert 1 not in space.others
    assert len(space.others) == 19
    assert any("1 positions have none and stay closed" in note for note in space.notes)
    assert len(DOMAIN.design.space([], reference=WILD, structure=str(path), contacts="0..").others) == 20


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"exposure": "0.2.."}, "a structure beside exposure"),
        ({"structure": "PATH"}, "what a structure is for"),
        ({"structure": "PATH", "exposure": "0.2"}, r"exposure such as 0\.25\.\."),
        ({"structure": "PATH", "exposure": ".."}, r"exposure such as 0\.25\.\."),
        ({"structure": "PATH", "exposure": "90.."}, "found none: .*exposure of residues is from"),
        ({"structure": "no.pdb", "exposure": "0.2.."}, "which is none"),
    ],
)
def test_wrong_options_are_explained(path, options, message):
    with pytest.raises(ConfigError, match=message):
        DOMAIN.design.space([], reference=WILD, **{k: v.replace("PATH", str(path)) for k, v in options.items()})


def test_spans():
    assert read_span("exposure", "0.1..0.5") == (0.1, 0.5)
    assert read_span("exposure", "..0.5") == (-np.inf, 0.5)
    assert read_span("exposure", " 1.. ") == (1.0, np.inf)
