"""map and explore: files by their endings, errors that name flags, and a server that Ctrl-C ends without a trace."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pandas as pd
import pytest

from tests.signals import hear


@pytest.mark.long
def test_map_writes_places_and_reasons(cli, workspace):
    rows = pd.read_csv(workspace.folder / "clouds.csv").head(20)
    rows.loc[2, "cloud"] = "nonsense"
    rows.to_csv("rows.csv", index=False)
    words = ("map", "pointclouds", "--data", "rows.csv", "--model", workspace.model, "--threads", 1)
    result = cli(*words, "--colour-by", "radius", "--along", "-o", "map.csv", "--json")
    assert result.code == 0, result.err
    table = pd.read_csv("map.csv")
    assert len(table) == json.loads(result.out)["items"] == 19
    assert {"item", "x", "y", "radius"} <= set(table.columns)
    assert pd.read_csv("map.csv.rejects.csv")["line"].tolist() == [4]
    assert "1 rows have no place on the map" in " ".join(result.err.split())
    assert cli(*words, "-o", "map.csv").code == 2
    assert cli(*words, "-o", "map.csv", "--force").code == 0
    assert cli(*words, "-o", "map.png").code == 0
    assert Path("map.png").read_bytes().startswith(b"\x89PNG")


def test_explore_exports_the_page_and_the_table(cli, workspace):
    words = ("explore", "pointclouds", "--data", workspace.folder / "clouds.csv", "--limit", 20)
    words += ("--model", workspace.model, "--threads", 1)
    assert cli(*words, "--export", "page.html").code == 0
    assert Path("page.html").read_text().startswith("<!doctype html>")
    assert cli(*words, "--export", "atlas.parquet").code == 0
    assert {"projection_x", "projection_y", "neighbors", "image"} <= set(pd.read_parquet("atlas.parquet").columns)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("map", "-o", "map.bmp"), "Expected -o to end in .png"),
        (("map", "-o", "map.png", "--colour-by", "nothing"), "'nothing'"),
        (("map", "-o", "map.png", "--along"), "Expected --colour-by with a column of numbers"),
        (("map", "-o", "map.png", "--with", "nothing"), "'nothing'"),
        (("map", "-o", "map.png", "--data", "nowhere.csv"), "nowhere.csv"),
        (("explore", "--export", "page.pdf"), "Expected a name that ends in .html or .parquet for --export"),
    ],
)
def test_wrong_usage_has_a_remedy(cli, workspace, words, message):
    data = () if "--data" in words else ("--data", workspace.folder / "clouds.csv", "--limit", 10)
    result = cli(words[0], "pointclouds", *words[1:], *data, "--model", workspace.model, "--threads", 1)
    assert result.code in (2, 3), result.err
    assert message in " ".join(result.err.split())
    assert not list(Path().glob("map.*"))


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_a_signal_ends_the_server_and_leaves_nothing(workspace, toy_folder, tmp_path, number):
    words = ["explore", "pointclouds", "--data", workspace.folder / "clouds.csv", "--limit", 10, "--no-browser"]
    command = [sys.executable, "-m", "sciencegen.cli.main", *map(str, [*words, "--model", workspace.model])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(toy_folder), os.environ.get("PYTHONPATH", "")])}
    (tmp_path / "here").mkdir()
    process = subprocess.Popen(
        [*command, "--threads", "1"], cwd=tmp_path / "here", env=environment, stdout=subprocess.PIPE, text=True,
        stderr=subprocess.PIPE, preexec_fn=hear,
    )  # fmt: skip
    assert process.stdout is not None
    address = process.stdout.readline().strip()
    assert urlopen(address).read().startswith(b"<!doctype html>")
    with pytest.raises(HTTPError, match="403"):
        urlopen(f"{address.rsplit('/', 2)[0]}/wrong/")
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == (0 if number == signal.SIGINT else 143), errors
    assert "Traceback" not in errors
    assert not list((tmp_path / "here").iterdir())
    with pytest.raises(OSError, match="refused"):
        urlopen(address)
