"""Process parameters: their grammar, settings as text, columns, and one value for a whole plate."""

import numpy as np
import pytest

from sciencegen.errors import ConfigError
from sciencegen.optimization.campaign import next_plate
from sciencegen.optimization.candidates import CampaignSettings, CampaignSpace, CandidatePool, CandidateSources
from sciencegen.optimization.measurements import Measurement
from sciencegen.optimization.process import (
    Run,
    lifted_sources,
    lifted_space,
    parse_parameter,
    read_process,
    setting_text,
    setting_values,
)
from sciencegen.optimization.targets import one_target

SPACE = CampaignSpace(
    key=str,
    features=lambda items: np.array(items, float)[:, None],
    similarity=lambda some, others: np.zeros((len(some), len(others))),
)
POOL = CandidateSources(CandidatePool(range(12), [str(one) for one in range(12)], np.ones(12)))


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("t in 25, 30,37", ("25", "30", "37")),
        ("t=25,30.0,30", ("25", "30")),
        ("t in 6..7 by 0.5", ("6", "6.5", "7")),
        ("t in 0..1", tuple(f"{k / 10:g}" for k in range(11))),
        ("solvent in DMSO,EtOH else water", ("DMSO", "EtOH")),
    ],
)
def test_a_parameter_is_a_list_or_a_range(text, values):
    assert parse_parameter(text).values == values


@pytest.mark.parametrize("text", ["t", "t in", "t in 7..6", "t in 1..9 by 0", "t in 0..1 by 0.001", "t in a;b", "in 1"])
def test_other_texts_are_refused(text):
    with pytest.raises(ConfigError, match="Expected"):
        parse_parameter(text)


def test_the_text_of_a_setting_is_read_back_whatever_the_order():
    values = {"solvent": "DMSO", "ph": "7.4"}
    assert setting_values(setting_text(values)) == values
    assert setting_text(values) == setting_text(dict(reversed(values.items())))


def test_two_categories_are_as_far_apart_as_the_ends_of_a_range():
    process = read_process(["t in 20,30", "s in a,b,c"], [], 0.0)
    columns = process.columns([("20", "a"), ("30", "a"), ("20", "c")])
    assert np.square(columns[0] - columns[1]).sum() == pytest.approx(np.square(columns[0] - columns[2]).sum())


def measurement(item: int, t: str, value: float) -> Measurement:
    return Measurement(str(item), Run(item, (t,)), value, np.nan, 1, 1, parameters=f"t={t}")


@pytest.mark.parametrize("known", [[], [measurement(k, t, k + float(t)) for k in range(4) for t in ("1", "9")]])
def test_a_plate_has_one_value_and_no_run_twice(known):
    process = read_process(["t in 1,9"], ["t"], 0.0)
    space, generator = lifted_space(SPACE, process), np.random.default_rng(0)
    targets, settings = one_target(known), CampaignSettings(6, surrogate="gp", scale="linear")
    plate = next_plate(space, targets, [], settings, generator, lifted_sources(POOL, process, generator))
    assert len({space.key(run) for run in plate.items} - {space.key(one.item) for one in known}) == 6
    assert len({run.setting for run in plate.items}) == 1
    if known:  # the better one, unless changing costs more than it gains
        assert plate.items[0].setting == ("9",)
        costly = read_process(["t in 1,9"], ["t"], 100.0)
        space = lifted_space(SPACE, type(costly)(costly.parameters, costly.per_plate, 100.0, ("1",)))
        plate = next_plate(space, targets, [], settings, generator, lifted_sources(POOL, costly, generator))
        assert plate.items[0].setting == ("1",)


def test_without_a_plate_s_value_settings_are_free():
    process = read_process(["t in 1,9"], [], 0.0)
    generator = np.random.default_rng(0)
    sources = lifted_sources(POOL, process, generator)
    assert len(sources.pool.items) == len(set(sources.pool.keys)) == 24
    known = [measurement(k, t, k + float(t)) for k in range(4) for t in ("1", "9")]
    settings = CampaignSettings(24, surrogate="gp", scale="linear")
    plate = next_plate(lifted_space(SPACE, process), one_target(known), [], settings, generator, sources)
    assert len(plate.items) == 16
    assert {run.setting for run in plate.items} == {("1",), ("9",)}
