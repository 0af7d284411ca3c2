"""Resolving names: a predictor as currently in its folder, and the domain's errors before a plugin's."""

from __future__ import annotations

import pandas as pd
import pytest
from pointclouds import DOMAIN

from sciencegen.api.criteria import OracleBook, command_oracle
from sciencegen.api.science import domain_of
from sciencegen.api.train_predictor import train_predictor
from sciencegen.config import OracleSettings
from sciencegen.errors import ConfigError, SciencegenError
from tests.domains.contract_examples import examples
from tests.toy import write_clouds


def test_a_predictor_that_is_trained_anew_is_read_anew(tmp_path, monkeypatch):
    table = pd.read_csv(write_clouds(tmp_path / "clouds.csv", 60, extra=True))
    table.assign(measured=100 + table["measured"]).to_csv(tmp_path / "shifted.csv", index=False)
    item = DOMAIN.items.parse(table["cloud"][0])
    means = []
    for source in ("clouds.csv", "shifted.csv"):
        few = {"evaluation_repeats": 1, "settings": {"families": ["ridge"], "folds": 3}}
        train_predictor("pointclouds", tmp_path / source, target="measured", folder=tmp_path / "p", **few)
        means.append(OracleBook("pointclouds", {"m": str(tmp_path / "p")}).resolve("m").score([item])[0].value)
    assert means[1] - means[0] == pytest.approx(100, abs=1)
    monkeypatch.chdir(tmp_path)
    here = OracleBook("pointclouds", {"m": "p"}).resolve("m")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with pytest.raises(SciencegenError, match="elsewhere"):
        OracleBook("pointclouds", {"m": "p"}).resolve("m")
    assert here is OracleBook("pointclouds", {"m": "../p"}).resolve("m")  # loaded once


@pytest.mark.parametrize(("name", "said"), [("pmo:zalepon_mpo", "zaleplon_mpo"), ("alerts:NIHH", "'NIH'")])
def test_a_misspelled_name_of_the_domain_s_own_gets_the_domain_s_answer(name, said):
    with pytest.raises(ConfigError, match=said):
        OracleBook("molecules").resolve(name)


def test_a_module_named_like_a_property_is_still_a_plugin(tmp_path, monkeypatch):
    (tmp_path / "radius.py").write_text("def of(item): return 1.0")
    monkeypatch.chdir(tmp_path)
    assert OracleBook("pointclouds").resolve("radius:of").score([None])[0].value == 1.0


@pytest.mark.parametrize("domain", ["pointclouds", "molecules", "proteins/aligned"])
def test_a_program_gets_items_in_the_first_format_without_being_told(tmp_path, domain):
    items = [domain_of(domain).items.parse(text) for text in examples(domain)[:2]]
    (tmp_path / "dock.sh").write_text('#!/bin/sh\ntest -s "$1"\nprintf "index,score\\n0,1\\n1,2\\n" > "$2"\n')
    (tmp_path / "dock.sh").chmod(0o755)
    settings = OracleSettings(command=f"{tmp_path}/dock.sh {{input}} {{output}}")
    assert [one.value for one in command_oracle(domain, "dock", settings).score(items)] == [1, 2]


def test_an_input_format_that_the_domain_does_not_have_is_refused_before_a_program_runs():
    settings = OracleSettings(command="true {input} {output}", input_format="csv")
    assert command_oracle("molecules", "dock", settings).input_ending == ".csv"
    with pytest.raises(ConfigError, match=r"Expected `input_format` .smi, .* of oracle 'dock', got 'docx'"):
        command_oracle("molecules", "dock", settings.model_copy(update={"input_format": "docx"}))


def test_a_name_is_suggested_once():
    """Though the domain and a model's conditions both have it."""
    with pytest.raises(ConfigError, match="Did you mean 'half_light_radius'") as told:
        OracleBook("galaxies", conditions=["half_light_radius"]).resolve("half_light_radios")
    assert str(told.value).count("'half_light_radius'") == 1
