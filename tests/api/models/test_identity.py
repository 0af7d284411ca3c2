"""The identity of a training: everything that its weights depend on."""

from __future__ import annotations

import pytest

from sciencegen.api.models.identity import defaults_of, identity_of
from sciencegen.config import TrainSettings


def test_the_weights_that_a_training_starts_from_belong_to_it(tmp_path):
    """The same folder may hold other weights later."""
    (tmp_path / "base").mkdir()
    (tmp_path / "base/config.yaml").write_text("")
    found = []
    for content in (b"one", b"other", b"one"):
        (tmp_path / "base/weights.safetensors").write_bytes(content)
        found.append(identity_of("molecules", "qm9", None, TrainSettings(from_model=str(tmp_path / "base"))))
    assert found[0] == found[2] != found[1]
    assert "from" not in identity_of("molecules", "qm9", None, TrainSettings())


def test_how_the_data_are_read_belongs_to_a_training():
    few, all_of_it = (identity_of("molecules", "qm9", None, TrainSettings(limit=limit)) for limit in (5, None))
    assert few["data"]["limit"] == 5
    assert "limit" not in all_of_it["data"]
    assert all_of_it == identity_of("molecules", "qm9", None, TrainSettings(sample=True, offline=True))
    whole = identity_of("molecules", "qm9", None, TrainSettings(sample=False))
    assert whole["data"]["sample"] is False


def test_only_a_recipe_with_defaults_of_its_own_has_them_in_its_identity():
    assert defaults_of("pointclouds", TrainSettings(recipe="autoencoder")) == {}
    assert defaults_of("pointclouds", TrainSettings(from_model="molecules")) == {}
    assert defaults_of("galaxies", TrainSettings())["defaults"]["training"]


def test_a_setting_of_networks_that_came_later_is_no_part_of_it_while_it_is_the_default():
    network = defaults_of("galaxies", TrainSettings())["defaults"]["network"]
    assert network["flow_layers"] == 6
    assert "latent_prior" not in network


def test_settings_of_later_versions_leave_trainings_resumable():
    stamps = defaults_of("galaxies", TrainSettings(recipe="stamp-diffusion"))["defaults"]["network"]
    assert "guidance" in stamps["diffusion"]
    assert not {"step_noise", "self_conditioning"} & set(stamps["diffusion"])
    network = defaults_of("proteins", TrainSettings(recipe="backbone-diffusion"))["defaults"]["network"]
    assert network["diffusion"]["self_conditioning"] == 0.5  # not the value of earlier versions
    assert "pure_noise" not in network["diffusion"]


@pytest.mark.parametrize("name", ["profiles", "structure", "texture", "correlated_noise"])
def test_a_setting_that_an_earlier_version_lacked_is_no_part_of_it_at_its_default(name):
    found = defaults_of("galaxies", TrainSettings(recipe="stamp-vae"))["defaults"]["network"]
    assert "multipliers" in found["pyramid"]
    assert name not in {**found, **found["pyramid"]}
