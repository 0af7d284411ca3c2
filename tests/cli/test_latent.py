"""encode, decode, interpolate: rows keep their places, refusals are listed, wrong latents are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.cli.conftest import Workspace


@pytest.fixture
def clouds(workspace: Workspace) -> list[str]:
    return pd.read_csv(workspace.folder / "clouds.csv")["cloud"].tolist()[:6]


def test_encode_keeps_rows_and_lists_refusals_and_crashes(cli, workspace, clouds):
    text = "\n".join([clouds[0], "nonsense", clouds[1], "crash", "", clouds[2], "90 0;0 0;0 0;0 0;0 0"])
    result = cli("encode", "pointclouds", "-", "-o", "z.npz", "--model", workspace.model, stdin=text.encode())
    arrays, rejects = np.load("z.npz"), pd.read_csv("z.npz.rejects.csv")
    assert result.code == 0
    assert arrays["index"].tolist() == [0, 2, 5]
    assert arrays["latent"].shape == (3, 4)
    assert arrays["item"].tolist() == clouds_text(clouds[:3])
    assert rejects["line"].tolist() == [2, 4, 5, 7]
    assert rejects["reason"][1:].str.contains("crash|expected|beyond").all()


def clouds_text(clouds: list[str]) -> list[str]:
    """As the domain writes them: shortest numbers."""
    return [";".join(" ".join(f"{float(x):g}" for x in pair.split()) for pair in cloud.split(";")) for cloud in clouds]


def test_encode_is_the_same_for_any_batch_size_and_the_bytes_too(cli, workspace):
    for name, size in (("a", 1), ("b", 512)):
        source = workspace.folder / "clouds.csv"
        cli("encode", "pointclouds", source, "-o", f"{name}.npz", "--model", workspace.model, "--batch-size", size)
    assert Path("a.npz").read_bytes() == Path("b.npz").read_bytes()


def test_decode_gives_a_line_for_each_latent_in_order(cli, workspace, clouds):
    cli("encode", "pointclouds", "-", "-o", "z.npz", "--model", workspace.model, stdin="\n".join(clouds).encode())
    whole = cli("decode", "pointclouds", "z.npz", "--model", workspace.model).out.splitlines()
    np.savez("second.npz", latent=np.load("z.npz")["latent"][1:2])
    assert len(whole) == len(clouds)
    assert cli("decode", "pointclouds", "second.npz", "--model", workspace.model).out.splitlines() == whole[1:2]


@pytest.mark.parametrize(
    ("arrays", "code"),
    [({"latent": np.zeros((2, 3), np.float32)}, 4), ({"latent": np.full((2, 4), np.nan)}, 3), ({"z": np.zeros(2)}, 3)],
)
def test_other_latents_are_refused(cli, workspace, arrays, code):
    np.savez("bad.npz", **arrays)
    assert cli("decode", "pointclouds", "bad.npz", "--model", workspace.model).code == code


def test_interpolation_joins_its_ends(cli, workspace, clouds):
    command = (
        "interpolate",
        "pointclouds",
        "--model",
        workspace.model,
        "--steps",
        7,
        "--with",
        "radius",
        "-o",
        "i.csv",
    )
    assert cli(*command, clouds[0], clouds[1]).code == 0
    table = pd.read_csv("i.csv")
    cli("encode", "pointclouds", "-", "-o", "z.npz", "--model", workspace.model, stdin="\n".join(clouds[:2]).encode())
    ends = cli("decode", "pointclouds", "z.npz", "--model", workspace.model).out.splitlines()
    assert table["step"].tolist() == list(range(7))
    assert [table["item"].iloc[0], table["item"].iloc[-1]] == ends
    assert np.abs(np.diff(table["radius"])).max() < 0.5 * (1 + np.ptp(table["radius"]))


def test_nothing_usable_is_3_and_leaves_no_output(cli, workspace, tmp_path):
    result = cli("encode", "pointclouds", "-", "-o", "z.npz", "--model", workspace.model, stdin=b"a\nb\n")
    assert result.code == 3
    assert not (tmp_path / "z.npz").exists()
    assert (tmp_path / "z.npz.rejects.csv").exists()
