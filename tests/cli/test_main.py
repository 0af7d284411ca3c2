"""Help texts are shown completely: brackets and angles are text, no markup."""

import inspect
import os
import re
import subprocess
import sys

import pytest
import typer.main

from sciencegen.cli import commands as verbs
from sciencegen.cli.main import app
from sciencegen.cli.options import settings_of
from sciencegen.config import search
from sciencegen.domains import DOMAINS
from sciencegen.optimization.search import METHODS
from tests.toy import REPOSITORY, write_clouds


def commands(group, path=()):
    for name, one in group.commands.items():
        if hasattr(one, "commands"):
            yield from commands(one, (*path, name))
        else:
            yield (*path, name), one


COMMANDS = dict(commands(typer.main.get_command(app)))


def words(text: str) -> str:
    return re.sub(r"[^\w\[\]<>=:;,.*-]+", "", text.replace("`", ""))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_is_shown_whole(cli, path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "400")
    shown = words(cli(*path, "--help").out)
    shown_ones = [one for one in COMMANDS[path].params if not getattr(one, "hidden", False)]  # hidden: old spellings
    helps = [one.help for one in shown_ones if getattr(one, "help", None)]
    assert helps
    assert [text for text in helps if words(text) not in shown] == []


def test_defaults_of_settings_are_shown(cli):
    shown = cli("optimize", "--help").out
    for default in ("[default: 5000]", "[default: 100]", "[default: evolution]", "[default: 512]"):
        assert default in shown


def test_choices_are_those_of_the_tables(cli, monkeypatch):
    """The help repeats them, since it imports no heavy library."""
    monkeypatch.setenv("COLUMNS", "400")
    assert tuple(METHODS) == search.METHODS
    assert ", ".join(METHODS) in cli("optimize", "--help").out
    assert ", ".join(DOMAINS) in cli("score", "--help").out


def test_the_list_of_commands_says_what_each_one_says_first():
    """It is read from the commands' files, so that none of them is imported."""
    for name in verbs.BUILT_IN:
        found = verbs.command(name)
        text = str(found.info.help) if isinstance(found, typer.Typer) else inspect.getdoc(found)
        assert verbs.sentence(name) == " ".join(text.split("\n\n")[0].split()), name


RECORDS = {name: record for name in verbs.COMMANDS if (record := settings_of(verbs.command(name)))}


@pytest.mark.parametrize("verb", RECORDS)
def test_defaults_in_help_are_those_of_the_settings(verb):
    fields = RECORDS[verb].model_fields
    for parameter in COMMANDS[verb,].params:
        shown = re.search(r"\[default: ([\w.-]+)\]", getattr(parameter, "help", None) or "")
        field = next((fields[name] for name in (parameter.name, f"{parameter.name}_s") if name in fields), None)
        if shown and field is not None and isinstance(field.default, int | float | str):
            assert type(field.default)(shown[1]) == field.default, parameter.name


VERBS = ("generate", "encode", "decode", "interpolate", "score", "predict", "optimize", "evaluate", "benchmark", "run")


@pytest.mark.parametrize("verb", [*VERBS, "sequences", "report", "doctor", "train", "datasets"])
def test_every_verb_has_help(cli, verb):
    result = cli(verb, "--help")
    assert result.code == 0
    assert "Usage" in result.out


def test_the_command_line_has_no_heavy_import():
    heavy = "torch", "rdkit", "lightning", "pandas", "sklearn", "botorch", "numpy", "snakemake", "matplotlib"
    code = f"import sys, sciencegen, sciencegen.cli.main; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=REPOSITORY, check=True)
    assert done.stdout.strip() == "[]"
    assert done.stderr == ""


def test_verbs_and_domains_import_torch_on_use():
    verbs = "evaluate", "generate", "optimize", "sources.preparation", "properties", "report", "score", "train"
    parts = ", ".join(f"sciencegen.api.{verb}" for verb in verbs)
    code = f"import sys, sciencegen.domains, {parts}; sciencegen.domains.load_domain('proteins')"
    code += "; print([m for m in ('torch', 'lightning', 'pandas', 'sklearn', 'scipy.stats') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=REPOSITORY, check=True)
    assert done.stdout.strip() == "[]"


STARTED = """
import subprocess, sys
from sciencegen.cli.main import main

def refuse(*words, **more):
    raise AssertionError("a new process")

subprocess.Popen.__init__ = refuse  # workers are copies of this process
try:
    main()
finally:
    print(*(name for name in {heavy} if name in sys.modules))
"""
HEAVY = (
    "botorch", "e3nn", "galsim", "lightning", "matplotlib", "pandas", "pyarrow", "rdkit.Chem.AllChem", "scipy.sparse",
    "scipy.stats", "sklearn", "snakemake", "sympy", "torch._dynamo", "torch._inductor",
)  # fmt: skip


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="copies only where threads can be counted")
@pytest.mark.parametrize(
    ("words", "heavy"),
    [
        ("generate molecules -n 2 --seed 3 --where logp=2 --threads 1 -o few.csv", HEAVY),
        ("generate galaxies -n 1 --threads 1 -o few.fits", HEAVY),
        ("score molecules two.smi --threads 2 -o scores.csv", (*HEAVY, "torch", "scipy")),
    ],
)
def test_a_few_items_need_no_heavy_import_and_no_second_python(tmp_path, words, heavy):
    (tmp_path / "two.smi").write_text("CCO\nc1ccccc1\n")
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    command = [sys.executable, "-c", STARTED.format(heavy=heavy), *words.split()]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "\n"
    assert len((tmp_path / words.split()[-1]).read_bytes()) > 20


def test_unknown_names_are_2(cli):
    assert "pointclouds" in cli("score", "pointcloud", "-").err
    assert cli("score", "pointcloud", "-").code == 2
    assert cli("nonesuch").code == 2
    assert cli("generate", "pointclouds", "--model", "nonesuch").code == 2


def test_the_app_is_named():
    assert app.info.name == "sciencegen"


def test_a_step_of_a_run_leaves_its_notes(cli, tmp_path, monkeypatch):
    monkeypatch.setenv("SCIENCEGEN_RUN", str(tmp_path))
    write_clouds(tmp_path / "clouds.csv", 3)
    found = cli("score", "pointclouds", tmp_path / "clouds.csv", "-o", tmp_path / "scores.csv")
    assert found.code == 0
    assert (tmp_path / "notes" / "scores.csv.json").is_file()


INTERRUPTED_IMPORT = """
from sciencegen.cli import main

def app():
    main.say("started")  # imports all that writing needs
    exec("raise KeyboardInterrupt")  # as Ctrl-C does while a library makes a dataclass

main.app = app
main.main()
"""


def test_ctrl_c_within_an_exec_has_the_usual_exit_code(tmp_path):
    (tmp_path / "interrupted.py").write_text(INTERRUPTED_IMPORT)
    done = subprocess.run([sys.executable, "-m", "interrupted"], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (130, "started\nstopped\n")


@pytest.mark.parametrize("place", COMMANDS)
def test_a_current_folder_that_was_removed_is_told(cli, place, tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    done = cli(*place)
    assert (done.code, "it has been removed" in done.err) == (2, True)
