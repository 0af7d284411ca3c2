import json
from dataclasses import replace

import numpy as np
import pytest

from sciencegen.errors import DataError, IncompatibleError
from sciencegen.prediction import TrainingTables, fit_predictor, load, save
from sciencegen.prediction.storage import ARRAYS, NUMBERS
from tests.prediction.known_truth import QUICK, table


def test_a_loaded_predictor_predicts_the_same_numbers(predictor, tmp_path):
    features = table(60, 9)[0]
    save(predictor, tmp_path / "run")
    before, after = predictor.predict(features), load(tmp_path / "run").predict(features)
    for name in ("mean", "lower", "upper", "distance"):
        assert np.abs(getattr(before, name) - getattr(after, name)).max() < 1e-9
    assert np.array_equal(before.in_domain, after.in_domain)
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [NUMBERS, ARRAYS]


def test_a_predictor_of_before_there_were_errors_of_neighbours(predictor, tmp_path):
    before = replace(predictor.calibration, difficulty=predictor.calibration.difficulty[:3], reference_errors=None)
    old = replace(predictor, calibration=before)
    loaded = load(save(old, tmp_path / "run"))
    assert loaded.calibration.reference_errors is None
    features = table(60, 9)[0]
    assert loaded.predict(features).upper == pytest.approx(old.predict(features).upper)
    assert (loaded.predict(features).upper < predictor.predict(features).upper).mean() > 0.5


def test_one_seed_gives_the_same_bytes(tmp_path):
    features, values = table(80, 0)
    for name in ("a", "b", "c"):
        seed = 1 if name == "c" else 0
        save(fit_predictor(TrainingTables(features, values), QUICK, np.random.default_rng(seed)), tmp_path / name)
    read = lambda name: [(tmp_path / name / file).read_bytes() for file in (NUMBERS, ARRAYS)]  # noqa: E731
    assert read("a") == read("b")
    assert read("a") != read("c")


def test_damage_and_strangeness_are_told(predictor, tmp_path):
    with pytest.raises(DataError, match="found nothing"):
        load(tmp_path / "absent")
    folder = save(predictor, tmp_path / "run")
    content = (folder / ARRAYS).read_bytes()
    (folder / ARRAYS).write_bytes(content[:-10])
    with pytest.raises(IncompatibleError, match="missing or changed"):
        load(folder)
    (folder / ARRAYS).write_bytes(content)
    numbers = json.loads((folder / NUMBERS).read_text())
    (folder / NUMBERS).write_text(json.dumps({**numbers, "format_version": 999}))
    with pytest.raises(IncompatibleError, match="newer"):
        load(folder)
    (folder / NUMBERS).write_text(json.dumps({k: v for k, v in numbers.items() if k != "weights"}))
    with pytest.raises(IncompatibleError, match="weights"):
        load(folder)
