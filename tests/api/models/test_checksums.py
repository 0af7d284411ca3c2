"""Checksums of a model's files and settings."""

import pytest

from sciencegen.api.models.folder import SETTINGS, checked_sha256, settings_sha256, with_checksums
from sciencegen.errors import IncompatibleError
from sciencegen.files import sha256_of
from sciencegen.runs import RunFolder

CONFIG = {"recipe": "vae", "settings": {"width": 8}}


@pytest.fixture
def run(tmp_path):
    (tmp_path / "weights").write_bytes(b"1234")
    return RunFolder(tmp_path)


def test_unchanged_files_and_settings_pass(run):
    config = with_checksums(CONFIG, {"weights": sha256_of(run / "weights")})
    checked_sha256(run, config, "weights")
    checked_sha256(run, config, SETTINGS)


def test_a_flipped_bit_and_another_setting_are_found(run):
    config = with_checksums(CONFIG, {"weights": sha256_of(run / "weights")})
    (run / "weights").write_bytes(b"1235")
    with pytest.raises(IncompatibleError, match=r"Expected weights of the model .* changed or damaged"):
        checked_sha256(run, config, "weights")
    with pytest.raises(IncompatibleError, match="Expected the settings of the model"):
        checked_sha256(run, config | {"settings": {"width": 9}}, SETTINGS)


def test_a_file_without_its_checksum_is_found_but_a_config_without_any_passes(run):
    with pytest.raises(IncompatibleError, match="sha256 None"):
        checked_sha256(run, with_checksums(CONFIG, {}), "weights")
    checked_sha256(run, CONFIG, "weights")


def test_the_order_of_settings_does_not_matter():
    one, other = ({"recipe": "vae", "settings": s} for s in ({"a": 1, "b": 2}, {"b": 2, "a": 1}))
    assert settings_sha256(one) == settings_sha256(other) != settings_sha256(CONFIG)
