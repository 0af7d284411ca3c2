"""What requests may reach: the server's folder and those that were allowed, whatever a text looks like."""

from __future__ import annotations

import pytest

from sciencegen.errors import ConfigError
from sciencegen.serving.requests import Boundary


@pytest.fixture
def boundary(tmp_path):
    for name in ("served/records", "served/data", "shared", "private"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("served/data/items.csv", "served/1pga.pdb", "served/dock.sh", "shared/pool.csv", "private/key"):
        (tmp_path / name).write_text("x")
    (tmp_path / "served" / "link").symlink_to(tmp_path / "private")
    (tmp_path / "served" / "fine").symlink_to(tmp_path / "shared")
    served = tmp_path / "served"
    return Boundary(served, (tmp_path / "shared",), (served / "records", served / "dock.sh"))


@pytest.mark.parametrize(
    "values",
    [
        {"source": "data/items.csv"}, {"source": "nowhere.csv"}, {"source": "{top}/shared/pool.csv"},
        {"source": "fine/pool.csv"}, {"source": "data/../1pga.pdb"}, {"wild_type": "1pga.pdb:A"},
        {"vary": "1pga.pdb[3]"}, {"start": ["C/C=C/C", "/C=C/F", "F/C=C\\F", "CC(=O)[O-].[Na+]"]},
        {"where": ["logp in 1..3", "tpsa in 40..90", "qed >= 0.5"]}, {"space": {"positions": "39-41,54"}},
        {"against": "moses/test"}, {"settings": {"oracles": {"a": {"command": "./dock.sh {input} {output}"}}}, "n": 3},
        {"output": "new/place/hits.csv"}, {"seed": 1, "raw": True, "model": None}, {"core": "c1ccc([*:1])nc1"},
    ],
)  # fmt: skip
def test_what_is_inside_or_no_path_passes(boundary, tmp_path, values):
    if "settings" in values:  # the command was checked before and names a program of the server's
        boundary = Boundary(boundary.folder, boundary.allowed, boundary.closed[:1])
    boundary.check(filled(values, tmp_path))


def filled(value, top):
    if isinstance(value, str):
        return value.replace("{top}", str(top))
    if isinstance(value, dict):
        return {name: filled(one, top) for name, one in value.items()}
    return [filled(one, top) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    "values",
    [
        {"source": "{top}/private/key"}, {"source": "/etc/passwd"}, {"source": "/etc/nothing/here"},
        {"source": "../private/key"}, {"source": "data/../../private"}, {"source": "link/key"}, {"model": "link"},
        {"predictor": {"a": "/etc"}}, {"predictor": ["a=/etc"]}, {"predictor": ["a=../private"]},
        {"start": ["CCO", "/etc/passwd"]}, {"goal": ["similarity to /etc/passwd >= 0.4"]},
        {"space": ["structure=/etc/passwd:A"]}, {"space": {"structure": "../private/key:A"}},
        {"vary": "/etc/passwd[3]"}, {"wild_type": "/etc/passwd/2-56"}, {"settings": {"training": "/etc/passwd"}},
        {"settings": {"deep": [{"deeper": ["../x"]}]}}, {"settings": {"@/etc/passwd": 1}}, {"pool": "~/private.csv"},
        {"output": "/newfolder/hits.csv"}, {"output": "../hits.csv"}, {"journal": "/anywhere.csv"},
        {"settings": {"cache": "/anywhere.sqlite"}}, {"details": "link/new"}, {"structures": "..//x.sdf"},
        {"source": "https://example.org/a.csv"}, {"source": "file:///etc/passwd"}, {"pool": "s3://bucket/a"},
        {"source": "records/1/job.json"}, {"output": "records/x.csv"}, {"output": "data/../records/x"},
        {"output": "dock.sh"}, {"source": "./dock.sh"}, {"output": "a\0b"}, {"source": "'/etc/passwd'"},
        {"settings": "@/etc/passwd"}, {"output": "-"}, {"source": "-"},
    ],
)  # fmt: skip
def test_what_is_outside_is_refused(boundary, tmp_path, values):
    with pytest.raises(ConfigError, match=r"Expected a (path|file|text)"):
        boundary.check(filled(values, tmp_path))


@pytest.mark.parametrize(
    "text", ["nowhere.csv", "data/nowhere.csv.gz", "nowhere.pdb:A", "nowhere.sdf[3]", "shared/pool.csv"]
)
def test_inputs_that_are_missing_are_refused(boundary, text):
    with pytest.raises(ConfigError, match="Expected a file for `source`, found none at"):
        boundary.check_inputs({"source": text})


@pytest.mark.parametrize(
    "values",
    [
        {"source": "data/items.csv"}, {"source": "1pga.pdb:A"}, {"source": "fine/pool.csv"}, {"output": "new.csv"},
        {"journal": "new.csv"}, {"source": "molecules"}, {"start": ["CCO"]}, {"model": "runs/a"},
    ],
)  # fmt: skip
def test_inputs_that_are_there_or_no_files_pass(boundary, values):
    boundary.check_inputs(values)


def test_the_error_names_the_parameter_and_a_remedy(boundary):
    with pytest.raises(ConfigError, match=r"`training`.*got '/etc/passwd'.*--allow FOLDER"):
        boundary.check({"settings": {"training": "/etc/passwd"}})
