"""`measured`: what is refused before anything is read."""

import pytest

from sciencegen.api.science import domain_of
from sciencegen.api.sources.preparation import resolve_prepare, with_measured
from sciencegen.config import PrepareSettings
from sciencegen.errors import ConfigError, DataError

FAMILY = domain_of("proteins/aligned")


def test_a_table_needs_a_family_and_a_file(tmp_path):
    def resolved(form, **settings):
        return resolve_prepare("proteins", PrepareSettings(source="family.a2m", form=form, **settings))[0]

    assert resolved("aligned") is FAMILY
    with pytest.raises(ConfigError, match="`measured` with `target`"):
        resolved("aligned", target="y")
    with pytest.raises(ConfigError, match="pass `form` aligned"):
        resolved("", measured="x.csv")
    with pytest.raises(DataError, match="found no file"):
        resolved("aligned", measured=str(tmp_path / "x.csv"))


def test_rows_by_split_are_no_alignment():
    with pytest.raises(ConfigError, match="Expected an alignment's file"):
        with_measured(FAMILY, {"train": iter(())}, {"reference": "MKV"}, PrepareSettings(measured="x.csv"))
