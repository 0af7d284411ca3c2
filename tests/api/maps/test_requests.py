"""What a page may ask: unknown keys and numbers out of range are refused."""

import pytest

from sciencegen.api import explore as requests
from sciencegen.config import build_settings
from sciencegen.errors import ConfigError


@pytest.mark.parametrize(
    ("record", "given", "reason"),
    [
        (requests.RowsRequest, {"indices": list(range(requests.MOST_ROWS + 1))}, "at most 500"),
        (requests.ItemRequest, {"index": -1}, "greater than or equal to 0"),
        (
            requests.PathRequest,
            {"start": [0.0], "end": [1.0], "steps": requests.LONGEST_PATH + 1},
            "less than or equal to 50",
        ),
        (requests.NearRequest, {"latent": [0.0], "radius": 0}, "greater than 0"),
        (requests.NearestRequest, {"latent": [0.0], "count": 101}, "less than or equal to 100"),
        (requests.ExportRequest, {"items": [], "ending": ".csv"}, "at least 1"),
        (requests.PlaceRequest, {"x": 0, "y": 0, "z": 0}, "z"),
        (requests.ChangeRequest, {"latent": ["high"]}, "number"),
    ],
)
def test_what_no_page_asks_is_refused(record, given, reason):
    with pytest.raises(ConfigError, match=reason):
        build_settings(record, given)


def test_what_is_left_out_has_a_value():
    asked = build_settings(requests.ChangeRequest, {"latent": [0.5, 1.0]})
    assert (asked.latent, asked.axis, asked.step, asked.condition) == ((0.5, 1.0), None, 0.0, {})
