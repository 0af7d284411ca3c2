"""How a set of variants is split."""

from sciencegen.domains.proteins.features import REGRESSION
from sciencegen.domains.proteins.variants import Reference, apply_variant
from tests.domains.proteins.examples import GB1


def test_splits_are_read_off_the_variants():
    items = [apply_variant(Reference(GB1, 5), name) for name in ("V43A:D44W", "WT", "G45P", "V43A:V58K:G45P")]
    features = REGRESSION.fit(items, Reference(GB1, 5))
    assert REGRESSION.splits["positions"](items, features).labels == [(43, 44), (), (45,), (43, 45, 58)]
    assert list(REGRESSION.splits["mutations"](items, features).labels) == [2, 0, 1, 3]
