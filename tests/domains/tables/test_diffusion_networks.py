"""Networks of a diffusion of rows with images: what they need, and every verb on them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import sciencegen as sg
from sciencegen.domains.tables.models import NETWORKS, grids_of
from sciencegen.errors import ConfigError
from sciencegen.vae.array_columns import ArrayBlock
from tests.domains.tables.arrays_table import columns

SMALL = {
    "unet": {"width": 8, "multipliers": [1, 2], "patch": 1, "known": 16},
    "uvit": {"width": 16, "depth": 1, "heads": 2},
    "diffusion": {"flow_steps": 6, "steps": 4},
}
SHORT = {"training": {"steps": 4, "warmup_steps": 1, "batch_size": 8}, "threads": 1}
OF_NETWORK = {"unet": ("image", "phase", "kind"), "uvit": ("image", "spikes", "kind")}
"""Columns of the table that a network takes; `spikes` is a series of columns."""


def trained(folder: Path, network: str, names: tuple[str, ...]) -> Path:
    found = columns()
    np.savez(folder / "table.npz", **{name: found[name] for name in names})
    settings = {"network": network, "series": ["spikes"] if "spikes" in names else [], **SMALL}
    sg.train("arrays", folder / "table.npz", folder=folder / "model", recipe="array-diffusion", conditions=["kind"],
             settings=settings, **SHORT)  # fmt: skip
    return folder / "model"


def test_grids_are_where_the_numbers_of_blocks_lie():
    blocks = [ArrayBlock("series", (1, 2), (3, 0)), ArrayBlock("image", (1, 2, 1), (2, 4))]
    first, second = grids_of(blocks, [4, 1, 3, 2, 0])
    assert (first.shape, first.index) == ((1, 1, 2), (2, 4))
    assert (second.shape, second.index) == ((1, 2, 1), (3, 0))


@pytest.mark.long
@pytest.mark.parametrize("network", OF_NETWORK)
def test_verbs_on_a_diffusion_of_images_and_other_columns(network, tmp_path):
    model = trained(tmp_path, network, OF_NETWORK[network])
    new = sg.generate("arrays", 4, model=model, where=["kind = b"], seed=1, threads=1)
    new.write(tmp_path / "new.npz")
    drawn = np.load(tmp_path / "new.npz")
    assert drawn["image"].shape == (4, 5, 6)
    assert set(drawn["kind"]) == {"b"}
    scored = sg.score("arrays", tmp_path / "new.npz", model=model, names="log_likelihood", threads=1).table
    assert np.isfinite(scored["log_likelihood"]).all()
    encoded = sg.encode("arrays", tmp_path / "new.npz", model=model, threads=1)
    sg.decode("arrays", encoded.latent, model=model, threads=1).write(tmp_path / "back.npz")
    np.testing.assert_allclose(np.load(tmp_path / "back.npz")["image"], drawn["image"], atol=1)


@pytest.mark.parametrize(
    ("network", "names", "message"),
    [
        ("uvit", ("phase", "kind"), "a column of images for network=uvit, got none. Take network=mlp"),
        ("unet", ("image", "spikes", "kind"), r"one column of images for network=unet, got .*take network=uvit"),
        ("unet", ("wave", "kind"), "one column of images for network=unet, got"),
        ("unett", ("image", "kind"), "unet"),
    ],
)
def test_tables_that_do_not_fit_a_network_are_refused(network, names, message, tmp_path):
    with pytest.raises(ConfigError, match=message):
        trained(tmp_path, network, names)


def test_names():
    assert set(NETWORKS) == {"mlp", *OF_NETWORK}
