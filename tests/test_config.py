"""Where several texts may stand, one may stand alone."""

import pytest

from sciencegen.config import GenerateSettings, PrepareSettings, TrainSettings, as_texts, build_settings
from sciencegen.prediction import PredictorSettings
from sciencegen.records import to_record


@pytest.mark.parametrize(
    ("record", "name"), [(GenerateSettings, "where"), (TrainSettings, "conditions"), (PrepareSettings, "properties")]
)
def test_one_text_is_a_list_of_settings(record, name):
    assert getattr(build_settings(record, {name: "qed"}), name) == ("qed",)
    assert getattr(build_settings(record, {name: ["qed", "sa"]}), name) == ("qed", "sa")


def test_one_text_is_a_list_of_a_room_s_own_settings_and_of_arguments():
    assert to_record(PredictorSettings, {"families": "ridge"}, "settings").families == ("ridge",)
    assert as_texts("CCO") == as_texts(["CCO"]) == ["CCO"]
