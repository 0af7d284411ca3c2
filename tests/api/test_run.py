"""The command of a run: flags, profiles, and suggested names."""

import pytest

from sciencegen.api.run import CONFIG, find_profile, ignored_keys, reports, run, snakemake_command
from sciencegen.config import RunSettings
from sciencegen.errors import ConfigError
from sciencegen.runs import RunFolder
from tests.workflows.snakemake_process import WORKFLOWS


@pytest.mark.parametrize("config", [None, "config.yaml"])
def test_unknown_names_are_errors_that_help(config):
    with pytest.raises(ConfigError, match="Did you mean 'molecules'"):
        run("molecule", config)
    with pytest.raises(ConfigError, match="Did you mean 'slurm'"):
        find_profile(WORKFLOWS, "slrum")


def test_flags_of_the_user_come_last_and_cores_are_not_given_twice(tmp_path):
    settings = RunSettings(domain="pointclouds", threads=3)
    ours = snakemake_command(WORKFLOWS, tmp_path / "c.yaml", "default", settings, [])
    theirs = snakemake_command(WORKFLOWS, tmp_path / "c.yaml", "default", settings, ["--cores", "1", "-n"])
    assert ours[-2:] == ["--cores", "3"]
    assert theirs[-3:] == ["--cores", "1", "-n"]
    assert theirs.count("--cores") == 1
    with pytest.raises(ConfigError, match="slurm"):
        snakemake_command(WORKFLOWS, tmp_path / "c.yaml", "slum", settings, [])


def test_one_machine_offers_the_gpus_of_the_config(tmp_path):
    settings = RunSettings(domain="pointclouds", gpus=4)
    command = lambda profile, flags: snakemake_command(WORKFLOWS, tmp_path / "c.yaml", profile, settings, flags)  # noqa: E731
    assert command("default", [])[-2:] == ["--resources", "gpu=4"]
    assert "gpu=4" not in command("slurm", [])
    assert command("default", ["--resources", "gpu=2"]).count("--resources") == 1


def test_a_profile_of_the_user_is_found(tmp_path):
    (tmp_path / "config.yaml").write_text("jobs: 3\n")
    assert find_profile(WORKFLOWS, str(tmp_path)) == tmp_path
    assert find_profile(WORKFLOWS, "slurm") == WORKFLOWS / "profiles" / "slurm"


def test_a_current_folder_that_cannot_hold_snakemake_s_records_is_told_first(tmp_path, monkeypatch):
    """Snakemake would end in a traceback, wherever the results are."""
    monkeypatch.chdir("/proc")
    with pytest.raises(ConfigError, match=r"Snakemake's records .* /proc/\.snakemake: .*\. Change to another folder"):
        run("molecules", results=str(tmp_path / "results"))
    assert not list(tmp_path.iterdir())


def test_the_report_of_an_earlier_version_is_known_by_its_config(tmp_path):
    folder, chosen = RunFolder(tmp_path), {"domain": "proteins", "optimize": {"settings": {"maximum_similarity": 0.95}}}
    settings = RunSettings(**chosen)
    assert not reports(folder, settings)
    folder.write_yaml(CONFIG, settings.model_dump(mode="json", by_alias=True))
    assert reports(folder, settings)
    folder.write_yaml(CONFIG, {"domain": "proteins", "optimize": {"maximum_similarity": 0.95, "lower_bounds": True}})
    assert reports(folder, settings)
    assert not reports(folder, RunSettings(domain="proteins"))
    for other in ({"domain": "proteins", "unheard_of": 1}, ["proteins"]):
        folder.write_yaml(CONFIG, other)
        assert not reports(folder, settings)


def test_a_key_of_an_earlier_version_is_ignored_and_told():
    settings = RunSettings(domain="proteins", variants={"classify": True})
    (told,) = ignored_keys(settings)
    assert "classify of `variants` is ignored" in told
    assert "classify" not in settings.model_dump()["variants"], "the config of a run has it no more"
    assert not ignored_keys(RunSettings(domain="proteins", variants={"classify": False}))
    assert not ignored_keys(RunSettings(domain="proteins"))
