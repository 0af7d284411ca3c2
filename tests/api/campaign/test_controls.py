"""Controls: their costs are subtracted from the limit, and they come last on the plate."""

from types import SimpleNamespace

import numpy as np
import pytest

from sciencegen.api.campaign.candidates import check_controls, with_controls, without_controls
from sciencegen.api.campaign.journal_items import CONTROL
from sciencegen.errors import ConfigError, ShapeError
from sciencegen.optimization.campaign import Plate
from sciencegen.optimization.candidates import CampaignSettings, CandidatePool
from sciencegen.optimization.plate import PlateSettings

SCIENCE = SimpleNamespace(items=SimpleNamespace(key=str.lower))
POOL = CandidatePool(["A", "B"], ["a", "b"], np.array([2.0, 3.0]))


def test_the_limit_of_costs_is_what_controls_leave():
    options = CampaignSettings(plate=PlateSettings(cost_limit=10.0))
    assert without_controls(options, SCIENCE, POOL, ["B", "not in the pool"]).plate.cost_limit == 7.0
    assert without_controls(options, SCIENCE, None, ["B"]).plate.cost_limit == 10.0
    with pytest.raises(ConfigError, match="these cost 3"):
        without_controls(CampaignSettings(plate=PlateSettings(cost_limit=3.0)), SCIENCE, POOL, ["B"])


def test_controls_that_cannot_be_aligned_are_refused_with_the_remedy():
    def features(items):
        raise ShapeError("another length")

    with pytest.raises(ConfigError, match="Pass `wild_type`"):
        check_controls(SimpleNamespace(features=features), ["MK"])
    check_controls(SimpleNamespace(features=features), [])


@pytest.mark.parametrize(
    ("predictions", "median"), [(np.array([[5.0], [4.0], [6.0]]), 5.0), (np.empty((3, 0)), np.nan)]
)
def test_controls_come_last_with_their_own_predictions(predictions, median):
    """Which are the last of the further items, such as the wild type, that are predicted with the plate."""
    further = {"value": np.hstack([np.full((3, 1), 9.0), predictions])} if predictions.size else {}
    plate = Plate(["A"], ["pool"], {"value": np.ones((3, 1))}, 1, feasible=np.ones(1), extra=further)
    whole = with_controls(plate, ["B"])
    assert (whole.items, whole.sources) == (["A", "B"], ["pool", CONTROL])
    assert whole.predicted["value"][0].tolist() == pytest.approx([1.0, median], nan_ok=True)
    assert whole.feasible.tolist() == pytest.approx([1.0, np.nan], nan_ok=True)
    assert with_controls(plate, []) is plate
