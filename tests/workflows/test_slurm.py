"""Snakemake's SLURM executor with commands that run each job at once on this machine."""

import json
import os
import sys

import pytest

from tests.workflows.conftest import CONFIG, RULES
from tests.workflows.snakemake_process import WORKFLOWS, snakemake

SBATCH = f"""#!{sys.executable}
import json, os, subprocess, sys
place, words = os.environ["FAKE_SLURM"], sys.argv[1:]
number = str(1000 + len(os.listdir(place)))
with open(os.path.join(place, number + ".json"), "w") as file:
    json.dump(words, file)
script = next(word.removeprefix("--wrap=") for word in words if word.startswith("--wrap="))
environment = {{**os.environ, "SLURM_JOB_ID": number, "SLURM_NTASKS": "1"}}
with open(os.path.join(place, number + ".log"), "w") as log:
    done = subprocess.run(["/bin/sh", "-c", script], stdout=log, stderr=log, env=environment)
with open(os.path.join(place, number + ".state"), "w") as file:
    file.write("FAILED" if done.returncode else "COMPLETED")
print(number)
"""
SACCT = f"""#!{sys.executable}
import os, pathlib
for path in pathlib.Path(os.environ["FAKE_SLURM"]).glob("*.state"):
    print(path.stem, path.read_text(), sep="|")
"""
SRUN = """#!/bin/sh
while [ $# -gt 0 ]; do case "$1" in -*|"") shift ;; *) break ;; esac; done
exec "$@"
"""
QUIET = "#!/bin/sh\n"
COMMANDS = {
    "sbatch": SBATCH,
    "sacct": SACCT,
    "srun": SRUN,
    **dict.fromkeys(("squeue", "sinfo", "scontrol", "sacctmgr", "sshare"), QUIET),
}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_run_by_slurm_asks_for_what_the_rules_say(place, monkeypatch):
    pytest.importorskip("snakemake_executor_plugin_slurm")
    monkeypatch.setattr("tests.workflows.snakemake_process.TIMEOUT_S", 500)
    for name, text in COMMANDS.items():
        command = place.folder / "bin" / name
        command.write_text(text)
        command.chmod(0o755)
    state = place.folder / "slurm"
    state.mkdir()
    place.write(CONFIG | {"gpus": 4})
    flags = ["--configfile", "config.yaml", "--workflow-profile", WORKFLOWS / "profiles" / "slurm", "--latency-wait", 5]
    flags += ["--slurm-init-seconds-before-status-checks", 1, "--seconds-between-status-checks", 1]
    flags += ["--default-resources", "slurm_account=mine", "slurm_partition=gpu"]
    done = snakemake(*flags, cwd=place.folder, environment={**place.environment, "FAKE_SLURM": os.fspath(state)})
    assert done.returncode == 0, done.stdout + done.stderr
    submitted = [" ".join(json.loads(path.read_text())) for path in state.glob("*.json")]
    jobs = {next(name for name in RULES if f"--comment rule_{name}" in words): words for words in submitted}
    assert set(jobs) == RULES - {"complete"}
    assert all("-A mine -p gpu" in words for words in jobs.values())
    for asked in ("-t 1440", "--mem 8000", "--gpus=4", "--nodes=1", "--cpus-per-task=8"):
        assert asked in jobs["train"]
    assert "--gpus=1" in jobs["optimize"]
    assert "--gpus" not in jobs["report"].split("--wrap")[0]
    (train,) = place.calls("train")
    assert train["words"][train["words"].index("--training") + 1] == "devices=4"
