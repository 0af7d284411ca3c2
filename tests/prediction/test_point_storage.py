"""A folder of a predictor of points gives the same bytes, or an error."""

import pytest

from sciencegen.errors import IncompatibleError
from sciencegen.prediction.points import load_points, save_points


def test_a_folder_predicts_the_same_bytes(trained, tmp_path):
    predictor, held, _ = trained
    loaded = load_points(save_points(predictor, tmp_path / "p"))
    for _ in range(2):
        for name, prediction in predictor.predict(held).items():
            other = loaded.predict(held)[name]
            assert all(a.tobytes() == b.tobytes() for a, b in zip(vars(prediction).values(), vars(other).values()))  # noqa: B905
    save_points(loaded, tmp_path / "again")
    for name in ("predictor.json", "predictor.safetensors"):
        assert (tmp_path / "p" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_a_damaged_folder_is_an_error(trained, tmp_path):
    run = save_points(trained[0], tmp_path / "p")
    content = (run / "predictor.safetensors").read_bytes()
    (run / "predictor.safetensors").write_bytes(content[:-1])
    with pytest.raises(IncompatibleError, match="missing or changed"):
        load_points(run)
    numbers = (run / "predictor.json").read_text()
    (run / "predictor.json").write_text(numbers.replace('"format_version": 1', '"format_version": 99'))
    with pytest.raises(IncompatibleError, match="99"):
        load_points(run)
