"""Where several texts may stand, one may stand alone; numbers are finite."""

import math
from typing import get_args

import pytest

from sciencegen.config import GenerateSettings, PrepareSettings, Settings, TrainSettings, as_texts, build_settings
from sciencegen.errors import ConfigError
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


def _numbers_of_settings():
    records = [Settings]
    for record in records:
        records.extend(record.__subclasses__())
        for name, field in record.model_fields.items():
            if float in (field.annotation, *get_args(field.annotation)):
                yield record, name


def test_a_number_that_is_not_finite_is_refused():
    for record, name in dict.fromkeys(_numbers_of_settings()):
        kind = str(record.model_fields[name].annotation)
        for number in (math.nan, math.inf):
            value = {"key": number} if "dict" in kind else [number] if "tuple" in kind else number
            with pytest.raises(ConfigError, match=rf"'{name}(\.key|\.0|\.float)?': Input should be"):
                build_settings(record, {name: value})
