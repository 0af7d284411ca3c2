"""Settings from texts and files, with errors that name the key."""

import os
import subprocess
import sys

import pytest

from sciencegen.config import (
    LARGEST_CONFIG,
    GenerateSettings,
    PrepareSettings,
    RunSettings,
    build_settings,
    read_settings,
)
from sciencegen.errors import ConfigError


def test_a_number_beyond_64_bits_is_refused():
    with pytest.raises(ConfigError, match="'limit': Expected a whole number below"):
        build_settings(PrepareSettings, {"limit": 10**23})


@pytest.mark.parametrize("nested", [{"limit": 10**23}, {"columns": [1, -(10**23)]}])
def test_so_is_one_inside_of_another_setting(nested):
    with pytest.raises(ConfigError, match="'prepare': Expected a whole number below"):
        build_settings(RunSettings, {"prepare": nested})


def test_a_key_that_stands_twice_is_refused():
    with pytest.raises(ConfigError, match="the key 'limit' twice"):
        read_settings("{limit: 1, limit: 2}")


def test_a_config_without_an_end_is_refused(tmp_path):
    (tmp_path / "large.yaml").write_bytes(b"#" * (LARGEST_CONFIG + 1))
    with pytest.raises(ConfigError, match="at most 16 MiB"):
        read_settings(f"@{tmp_path}/large.yaml")
    with pytest.raises(ConfigError, match="found a device or a pipe"):
        read_settings("@/dev/zero")


def test_a_config_is_read_as_utf8_in_any_locale(tmp_path):
    (tmp_path / "x.yaml").write_bytes("name: Ångström".encode())
    code = f"from sciencegen.config import read_settings; print(ascii(read_settings('@{tmp_path}/x.yaml')['name']))"
    there = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run([sys.executable, "-c", code], env=there, capture_output=True, text=True)
    assert done.stdout.strip() == ascii("Ångström"), done.stderr


def test_a_mapping_where_texts_are_expected_is_rewritten():
    with pytest.raises(ConfigError, match=r"'where': Expected one value or a list .* Write \['logp = 2'\]"):
        build_settings(GenerateSettings, {"where": {"logp": 2}})


def test_a_setting_of_the_verb_inside_its_further_settings_is_told_where_it_belongs():
    with pytest.raises(ConfigError, match=r"unknown key 'settings\.n', did you mean `n`, outside `settings`"):
        build_settings(GenerateSettings, {"settings": {"n": 3}})


@pytest.mark.parametrize("beside", [{}, {"tries": 3}])
@pytest.mark.parametrize("given", [4, "tries=4", ["tries=4"]])
def test_further_settings_that_are_no_mapping_are_an_error(given, beside):
    with pytest.raises(ConfigError, match=r"'settings': Expected \{name: value\}, got "):
        build_settings(GenerateSettings, {"settings": given, **beside})


def test_two_values_of_a_setting_are_an_error_and_the_same_value_twice_is_none():
    with pytest.raises(ConfigError, match="one value of `tries`, got 4 in `settings` and 3 beside it"):
        build_settings(GenerateSettings, {"tries": 3, "settings": {"tries": 4}})
    assert build_settings(GenerateSettings, {"tries": 4, "settings": {"tries": 4}}).further.tries == 4
