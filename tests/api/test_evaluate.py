"""evaluate: items have distance zero to themselves."""

from dataclasses import replace

import pytest

from sciencegen.api.evaluate import evaluate, resolve_evaluate
from sciencegen.config import EvaluateSettings
from sciencegen.domains import load_domain
from sciencegen.domains.proteins.backbones.files import ITEMS
from sciencegen.errors import SciencegenError
from tests.domains.proteins.backbones.examples import chains
from tests.toy import write_clouds


def test_a_set_is_at_no_distance_from_itself_and_at_some_from_another(tmp_path):
    same, other = write_clouds(tmp_path / "a.csv", 40), write_clouds(tmp_path / "b.csv", 40, seed=1)
    near = evaluate("pointclouds", same, against=same, threads=1).metrics
    far = evaluate("pointclouds", same, against=str(other), threads=1).metrics
    assert near["wasserstein_radius"] == pytest.approx(0, abs=1e-9)
    assert far["wasserstein_radius"] > 0.01
    with pytest.raises(SciencegenError, match=r"none\.csv"):
        evaluate("pointclouds", same, against=str(tmp_path / "none.csv"), threads=1)


def test_a_folder_of_structures_has_the_form_that_reads_it(tmp_path):
    folder = tmp_path / "natives"
    folder.mkdir()
    for name, item in zip("ab", chains()[2:4], strict=True):
        ITEMS.write(folder / f"{name}.pdb", [item], [name], {})
    ITEMS.write(tmp_path / "designs.pdb", chains()[:2], ["a", "b"], {})
    request = resolve_evaluate("proteins", tmp_path / "designs.pdb", EvaluateSettings(against=folder))
    assert request.domain == "proteins/structures"
    assert (len(request.texts), len(request.reference)) == (2, 2)


def test_the_calibration_is_plotted_where_there_is_one(tmp_path):
    table = write_clouds(tmp_path / "a.csv", 20)
    found = evaluate("pointclouds", table, against=str(table), threads=1)
    with pytest.raises(SciencegenError, match="evaluation with `calibrate`"):
        found.plot_calibration()
    row = {"asked": 1.0, "draws": 9, "got": 1.1, "lower": 0.8, "upper": 1.4, "mean_absolute_error": 0.2}
    made = replace(found, metrics={**found.metrics, "conditions": {"radius": [row]}})
    unit = load_domain("pointclouds").properties["radius"].unit
    assert made.plot_calibration().axes[0].get_xlabel() == "requested radius" + (f" ({unit})" if unit else "")
