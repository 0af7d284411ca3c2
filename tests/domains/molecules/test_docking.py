"""Docking: the names of targets, real scores of small molecules, and what can't be docked."""

import os
import shutil
import tempfile
from dataclasses import replace
from importlib.util import find_spec

import pytest

from sciencegen import score
from sciencegen.api.criteria import OracleBook
from sciencegen.api.optimize import resolve_optimize
from sciencegen.config import OptimizeSettings
from sciencegen.domains.molecules import DOMAIN, docking, vina
from sciencegen.errors import ConfigError
from sciencegen.scoring.oracles import Score
from sciencegen.scoring.programs import BatchProgram

pytestmark = pytest.mark.long


FOLDER = vina.targets_folder()
needs_dockstring = pytest.mark.skipif(FOLDER is None, reason="pip install 'sciencegen[docking]'")
needs_library = pytest.mark.skipif(
    find_spec("vina") is None or FOLDER is None, reason="the package vina is not installed"
)


def molecules(*smiles):
    return [DOMAIN.items.parse(one) for one in smiles]


def write_receptor(folder):
    shutil.copy(FOLDER / f"EGFR{vina.RECEPTOR}", folder / f"mine{vina.RECEPTOR}")
    box = (FOLDER / f"EGFR{vina.BOX}").read_text().replace("30.000", "8.000")
    (folder / f"mine{vina.BOX}").write_text(f"{box}\n exhaustiveness = 8\n")


@pytest.fixture
def own(tmp_path):
    """A folder with a receptor of the user's: that of EGFR, with a box of 8 Å, as Vina's users write it."""
    write_receptor(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def longer(tmp_path_factory):
    """The score of ethanol in this box by Vina's default search."""
    folder = tmp_path_factory.mktemp("receptor")
    write_receptor(folder)
    return vina.dock("CCO", folder / "mine").score


@needs_dockstring
def test_there_are_58_targets():
    assert len(vina.target_names(FOLDER)) == 58


@pytest.mark.long
@needs_dockstring
def test_scores_are_those_of_vina_and_a_failure_has_its_reason(own, longer):
    good, bad = DOMAIN.oracles.find(f"dock:{own}/mine").score(molecules("CCO", "[He]"))
    assert good.value == longer
    assert -5 < good.value < -1
    assert bad.failed
    assert "exit code" not in bad.failure
    assert "no row" not in bad.failure


@pytest.mark.long
@needs_dockstring
def test_without_the_library_quick_scores_are_those_of_the_program(own, monkeypatch):
    monkeypatch.setattr(docking, "find_spec", lambda name: None if name == "vina" else find_spec(name))
    oracle = DOMAIN.oracles.find(f"quick-dock:{own}/mine")
    assert "vina" not in oracle.identity
    (found,) = oracle.score(molecules("CCO"))
    assert found.value == vina.dock("CCO", own / "mine", 1).score


@pytest.mark.long
@needs_library
def test_quick_scores_depend_on_the_molecule_alone_and_a_failure_has_its_reason(own):
    oracle = replace(DOMAIN.oracles.find(f"quick-dock:{own}/mine"), parallel=1)
    first, failed, again = oracle.score(molecules("CCO", "[He]", "CCO"))
    (alone,) = oracle.score(molecules("CCO"))
    assert first.value == again.value == alone.value == vina.QuickDocking(own / "mine").dock("CCO").score
    assert failed.failed
    assert "exit code" not in failed.failure


@needs_library
def test_quick_scores_are_near_those_of_the_longer_search(own, longer):
    assert abs(vina.QuickDocking(own / "mine").dock("CCO").score - longer) < 0.3


@needs_library
@pytest.mark.parametrize(("count", "parallel", "sizes"), [(3, 2, [2, 1]), (1, 2, [1]), (17, 2, [8, 8, 1])])
def test_few_molecules_are_spread_over_all_processes(own, monkeypatch, count, parallel, sizes):
    found = []

    def run(program, batches, exchange, ended):
        found.extend(map(len, batches))
        return [[Score(-1.0)] * len(batch) for batch in batches]

    monkeypatch.setattr(BatchProgram, "run", run)
    replace(DOMAIN.oracles.find(f"quick-dock:{own}/mine"), parallel=parallel).score(molecules(*["C"] * count))
    assert found == sizes


@needs_library
def test_a_crash_fails_the_molecule_that_caused_it_alone(own, monkeypatch):
    def run(program, batches, exchange, ended):
        crashed = Score(None, failure="exit code -11")
        return [
            [crashed] * len(batch) if any(one.GetNumAtoms() == 1 for one in batch) else [Score(-1.0)] * len(batch)
            for batch in batches
        ]

    monkeypatch.setattr(BatchProgram, "run", run)
    found = replace(DOMAIN.oracles.find(f"quick-dock:{own}/mine"), parallel=1).score(molecules("CC", "C", *["CCC"] * 8))
    assert [one.failed for one in found] == [False, True, *[False] * 8]


@pytest.mark.long
@needs_dockstring
def test_the_pose_of_a_shipped_receptor_is_the_molecule_within_the_box(monkeypatch):
    """The programs that dockstring runs need not be on PATH."""
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    pose = vina.dock("CO", "EGFR", 1)
    assert os.environ["PATH"] == "/usr/bin:/bin"
    assert pose.score < 0
    box = dict(line.split(" = ") for line in (FOLDER / "EGFR_conf.txt").read_text().splitlines() if line)
    centre = [float(box[f"center_{axis}"]) for axis in "xyz"]
    assert DOMAIN.items.text(pose.molecule) == "CO"
    assert pose.molecule.GetNumConformers() == 1
    assert abs(pose.molecule.GetConformer().GetPositions() - centre).max() < float(box["size_x"]) / 2


@needs_dockstring
def test_a_docking_that_is_killed_leaves_no_files(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    slow = replace(DOMAIN.oracles.find("dock:EGFR"), timeout_s=5.0)
    (score,) = slow.score(molecules("CCCCCCCCOc1ccc(CCCCCCN)cc1CCCC(=O)NCCCCO"))
    assert "time-out" in score.failure
    assert not list(tmp_path.iterdir())


@needs_dockstring
def test_lower_scores_are_better_and_have_a_unit():
    oracle = DOMAIN.oracles.find("dock:EGFR")
    assert oracle.direction == "minimize"
    assert oracle.unit == "kcal/mol"


@pytest.mark.long
@needs_dockstring
def test_a_table_is_docked_once(own, tmp_path, monkeypatch):
    table, name, cache = tmp_path / "given.csv", f"quick-dock:{own}/mine", str(tmp_path / "scores.sqlite")
    table.write_text("item,note\nCCO,first\n[He],second\n")
    first = score("molecules", table, names=["qed", name], cache=cache).table
    monkeypatch.setattr(docking.sys, "executable", "/bin/false")
    again = score("molecules", ["CCO"], names=[name], cache=cache).table
    assert first[name][0] == again[name][0] < 0


@needs_dockstring
@pytest.mark.parametrize("threads", [1, 3])
def test_as_many_programs_run_at_once_as_there_are_threads(threads, own, monkeypatch):
    name, at_once = f"dock:{own}/mine", []

    def run(program, batches, exchange, ended):
        at_once.append(program.parallel)
        return [[Score(-1.0)] for _ in batches]

    monkeypatch.setattr(BatchProgram, "run", run)
    score("molecules", ["CCO"], names=[name], threads=threads)
    settings = OptimizeSettings(goals=[f"minimize {name}"], include=[name], threads=threads)
    search = resolve_optimize("molecules", settings)
    for oracle in (*search.oracles.values(), *search.further.values()):
        oracle.score(molecules("CCN"))
    assert at_once == [threads] * 3


@needs_dockstring
def test_a_cached_score_belongs_to_the_receptors_content(own):
    name = f"dock:{own}/mine"
    before = docking.docking_oracle(name).identity
    assert before == docking.docking_oracle(name).identity
    box = own / f"mine{vina.BOX}"
    box.write_text(box.read_text().replace("8.000", "9.000"))
    assert docking.docking_oracle(name).identity != before


@needs_dockstring
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("dock:EGRF", r"receptor of dockstring, got 'EGRF'\. Did you mean EGFR"),
        ("dock:/nowhere/mine", r"files mine_target\.pdbqt and mine_conf\.txt in /nowhere"),
        ("quick-dock:", "There are: ABL1"),
    ],
)
def test_an_unknown_target_is_refused_in_words(name, said):
    with pytest.raises(ConfigError, match=said):
        OracleBook("molecules").check(name)


def test_without_the_packages_the_error_says_how_to_install_them(monkeypatch):
    monkeypatch.setattr(vina, "targets_folder", lambda: None)
    with pytest.raises(ConfigError, match=r"pip install 'sciencegen\[docking\]'"):
        DOMAIN.oracles.find("dock:EGFR")


@pytest.mark.parametrize("text", ["$(touch x)", 'C"; touch x; "', "`touch x`", "C C"])
def test_no_text_reaches_a_shell_unless_it_is_a_smiles(text):
    with pytest.raises(ValueError, match="expected a SMILES"):
        vina.dock(text, "EGFR")


@needs_dockstring
@pytest.mark.parametrize(
    ("ending", "old", "new", "said"),
    [
        (vina.BOX, "size_x = 8.000", "size_x = 10000", "size_x = .*above 0 to 126"),
        (vina.BOX, "size_y = 8.000", "size_y = 0", "size_y"),
        (vina.BOX, "center_x", "centre_x", "center_x = .*got nan"),
        (vina.BOX, "center_z = ", "center_z = 1e", "center_z"),
        (vina.RECEPTOR, "1.538  37.455", "  nan  37.455", "columns 31 to 54 .* line 2 of the receptor"),
        (vina.RECEPTOR, "    -0.411 N ", " N ", "69 to 76 of line 2"),
        (vina.RECEPTOR, "-0.411 N ", "-0.411   ", "line 2 of the receptor .* an atom's type in 78"),
        (vina.BOX, "size_z", "size_x = 1\nsize_z", "Expected one line for each of .* got 7 lines"),
        (vina.BOX, "center_x = ", "center_x = 9", "found none. Move the box: its centre is 9"),
        (vina.RECEPTOR, "ATOM", "HALT", "atoms in the receptor .* found none"),
    ],
)
def test_a_target_that_cannot_be_used_is_refused_before_anything_is_docked(own, ending, old, new, said):
    """Vina would crash, or take gigabytes and never return."""
    path = own / f"mine{ending}"
    content = path.read_text()
    assert old in content
    path.write_text(content.replace(old, new))
    with pytest.raises(ConfigError, match=said):
        DOMAIN.oracles.find(f"dock:{own}/mine")


@needs_dockstring
@pytest.mark.parametrize("shift", [0.0, 0.2])
def test_a_receptor_with_an_atom_twice_is_refused(own, shift):
    """As Open Babel writes alternative locations. Vina would count both, and score every molecule wrongly."""
    path = own / f"mine{vina.RECEPTOR}"
    lines = path.read_text().splitlines()
    lines.append(f"{lines[5][:30]}{float(lines[5][30:38]) + shift:8.3f}{lines[5][38:]}")
    path.write_text("\n".join(lines))
    with pytest.raises(ConfigError, match=f"lines 6 and {len(lines)} less than 0.5 Å apart, as alternative locations"):
        DOMAIN.oracles.find(f"dock:{own}/mine")


@needs_dockstring
def test_all_receptors_of_dockstring_can_be_used():
    for name in vina.target_names(FOLDER):
        assert vina.receptor_atoms(FOLDER / f"{name}{vina.RECEPTOR}", vina.read_box(FOLDER / f"{name}{vina.BOX}")) > 800


def test_a_reason_names_no_temporary_folder(tmp_path, monkeypatch):
    """It is another one each time, and gone when the reason is read."""

    def fail(smiles, target, exhaustiveness):
        raise ValueError(f"Cannot read PDB file {tempfile.mkdtemp()}/docked.pdb of {smiles}")

    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(vina, "dock", fail)
    (tmp_path / "in.smi").write_text("CCO 0\n")
    vina.main("EGFR", "1", str(tmp_path / "in.smi"), str(tmp_path / "out.csv"))
    assert (tmp_path / "out.csv").read_text().splitlines()[1] == "0,,Cannot read PDB file docked.pdb of CCO"


@needs_library
def test_a_receptor_that_the_library_refuses_is_told_in_one_line(own):
    path = own / f"mine{vina.RECEPTOR}"
    path.write_text(path.read_text().replace("-0.411 N ", "-0.411 Qq", 1))
    (found,) = DOMAIN.oracles.find(f"quick-dock:{own}/mine").score(molecules("CCO"))
    assert found.failed
    assert "receptor" in found.failure
    assert "can't be used" in found.failure
