"""A workflow whose search asks a program of the user's, killed in the midst of it and continued."""

import csv
import subprocess
import sys
import time

import pytest
import yaml

from tests.workflows.snakemake_process import WORKFLOWS

PROGRAM = f"""#!{sys.executable}
import pathlib, sys, time
here = pathlib.Path(__file__).parent
with open(here / "calls", "a") as calls:
    calls.write("called\\n")
time.sleep(100 if (here / "slow").exists() else 0)
rows = [line.split() for line in open(sys.argv[1])]
with open(sys.argv[2], "w") as out:
    out.write("index,score\\n")
    out.writelines(f"{{row}},{{len(text)}}\\n" for text, row in rows)
"""


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_search_by_a_program_is_killed_and_continued(tmp_path):
    program, calls = tmp_path / "dock.py", tmp_path / "calls"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    config = yaml.safe_load((WORKFLOWS / "config" / "smoke" / "molecules.yaml").read_text())
    config |= {"name": "Anna's run", "report": {"title": "{word} $HOME `x`"}, "threads": 1}
    config["optimize"] |= {
        "goals": ["minimize dock", "logp in -2..6"],
        "oracles": {"dock": {"command": "./dock.py {input} {output}"}},
    }
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(config))
    words = [sys.executable, "-m", "sciencegen.cli.main", "run", "molecules", "--config", "own.yaml"]

    (tmp_path / "slow").touch()
    process = subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 300
    while not calls.exists() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.2)
    process.kill()
    process.wait()
    assert calls.exists(), "the search never asked the program"

    (tmp_path / "slow").unlink()
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "results/molecules/Anna's run/report.html\n"
    assert "{word} $HOME `x`" in (tmp_path / done.stdout.strip()).read_text()
    with (tmp_path / done.stdout.strip()).with_name("candidates.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert rows
    assert all(float(row["dock"]) == len(row["item"]) for row in rows)
