"""Snakemake's Kubernetes executor with a stand-in for the cluster, which runs each pod's command in an empty folder."""

import json
import os
import shutil
import subprocess
import sys

import pytest
import yaml

from tests.workflows.conftest import CONFIG, RULES
from tests.workflows.snakemake_process import WORKFLOWS

CLUSTER = """
import json, os, subprocess, sys, tempfile
from types import SimpleNamespace
import kubernetes.client, kubernetes.config

codes, pods = {}, []

class Cluster:
    def create_namespaced_job(self, namespace, body):
        (container,) = body.spec.containers
        mounts = [mount.mount_path for mount in container.volume_mounts]
        pods.append({"limits": container.resources.limits, "mounts": mounts, "command": container.args[-1]})
        with open("pods.json", "w") as file:
            json.dump(pods, file)
        words = ["/bin/sh", *container.args]
        codes[body.metadata.name] = subprocess.run(words, cwd=tempfile.mkdtemp(dir="pods")).returncode

    def read_namespaced_job_status(self, name, namespace):
        failed = int(codes[name] != 0)
        return SimpleNamespace(status=SimpleNamespace(failed=failed, succeeded=1 - failed))

    def list_namespaced_pod(self, **_):
        return SimpleNamespace(items=[])

    def nothing(self, *_, **__):
        pass

    create_namespaced_secret = delete_namespaced_secret = delete_namespaced_job = nothing

kubernetes.config.load_kube_config = lambda: None
kubernetes.client.CoreV1Api = kubernetes.client.BatchV1Api = Cluster
from snakemake.cli import main
main(sys.argv[1:])
"""
RSYNC = """#!/bin/sh
for word; do from=$to; to=$word; done
mkdir -p "$(dirname "$to")"
exec cp -a "${from%/}" "$to"
"""
PATHS = {"source", "table", "wild_type", "training", "measured", "pool", "scaffold"}
"""Keys of CONFIG that name files."""


def on_volume(section, folder):
    """The section with its files on the volume."""
    if not isinstance(section, dict):
        return section
    return {
        key: os.fspath(folder / value) if key in PATHS and isinstance(value, str) else on_volume(value, folder)
        for key, value in section.items()
    }


def make_clone(place):
    """A clone of the repository, with a config whose paths are on the volume."""
    for name in ("workflow", "workflows"):
        shutil.copytree(WORKFLOWS.parent / name, place.folder / name, ignore=shutil.ignore_patterns(".snakemake"))
    volume = place.folder / "volume"
    volume.mkdir()
    for path in [*place.folder.glob("*.smi"), *place.folder.glob("*.csv"), *place.folder.glob("*.fasta")]:
        shutil.copy(path, volume)
    shutil.copy(place.folder / "part.sdf", volume)
    config = on_volume(CONFIG, volume) | {"results": os.fspath(volume / "results"), "gpus": 4}
    (place.folder / "config").mkdir()
    (place.folder / "config" / "config.yaml").write_text(yaml.safe_dump(config))
    (place.folder / "pods").mkdir()
    commands = {"rsync": RSYNC, "pip": "#!/bin/sh\n"}
    for name, text in commands.items():
        (place.folder / "bin" / name).write_text(text)
        (place.folder / "bin" / name).chmod(0o755)
    for words in (["init", "-q"], ["add", "workflow", "workflows", "config"]):
        subprocess.run(["git", *words], cwd=place.folder, check=True)
    return volume


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_run_by_pods_keeps_its_files_on_the_volume(place):
    pytest.importorskip("snakemake_executor_plugin_kubernetes")
    pytest.importorskip("snakemake_storage_plugin_fs")
    volume = make_clone(place)
    words = ["--workflow-profile", "workflows/profiles/kubernetes", "--kubernetes-persistent-volumes", f"data:{volume}"]
    words += [
        "--default-storage-prefix",
        volume / "snakemake",
        "--seconds-between-status-checks",
        1,
        "--latency-wait",
        5,
    ]
    done = subprocess.run(
        [sys.executable, "-c", CLUSTER, *map(str, words)],
        cwd=place.folder, env=place.environment, capture_output=True, text=True, timeout=560,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert (volume / "results/molecules/test/report.html").is_file()
    assert not list((volume / "snakemake").rglob("*.parquet")), "the run's files go nowhere else"
    pods = json.loads((place.folder / "pods.json").read_text())
    asked = {next(name for name in RULES if f"--target-jobs '{name}:" in pod["command"]): pod for pod in pods}
    assert set(asked) == RULES - {"complete"}
    assert all(str(volume) in pod["mounts"] for pod in pods)
    assert asked["train"]["limits"]["nvidia.com/gpu"] == "4"
    assert asked["train"]["limits"]["memory"] == "8000M"
    assert asked["optimize"]["limits"]["nvidia.com/gpu"] == "1"
    assert "nvidia.com/gpu" not in asked["report"]["limits"]
