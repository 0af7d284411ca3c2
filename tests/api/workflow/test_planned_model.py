"""What is known of a workflow's model before anything runs."""

import pytest

from sciencegen.api.workflow.check import planned_model, source_columns
from sciencegen.config import RunSettings
from sciencegen.errors import ConfigError
from tests.toy import write_clouds


@pytest.fixture
def settings(tmp_path):
    path = write_clouds(tmp_path / "clouds.csv", 5, extra=True)
    return lambda **train: RunSettings(domain="pointclouds", prepare={"source": str(path)}, train=train)


def test_a_model_may_hear_of_columns_and_properties_of_its_data(settings):
    found = planned_model(settings())
    assert {"measured", "radius", "height"} <= found.conditions
    assert found.fitted is None
    assert planned_model(settings(conditions=["measured"])).conditions == {"measured"}


def test_a_condition_that_the_data_cannot_hold_is_an_error(settings):
    with pytest.raises(ConfigError, match="measured"):
        planned_model(settings(conditions=["mesured"]))


def test_only_a_table_tells_its_columns_beforehand(tmp_path):
    (tmp_path / "x.smi").write_text("CCO\n")
    assert source_columns("molecules", str(tmp_path / "x.smi")) is None
    assert source_columns("pointclouds", str(write_clouds(tmp_path / "c.csv", 3, extra=True))) == {"measured"}
    assert "gap" in source_columns("molecules", "qm9")
