"""What learned from seen items is asked of seen ones."""

from sciencegen.items import Refusal
from sciencegen.scoring.forward_model_oracle import SEED, ForwardModelOracle
from sciencegen.scoring.oracles import ArrayOracle


class Blurred:
    """Sees a number as one more; what is above 100 it can't see, what was seen it leaves (odd numbers)."""

    def observed(self, items, seed):
        assert seed == SEED
        return [Refusal("too large") if n > 100 else n if n % 2 else n + 1 for n in items]


def test_items_are_observed_once_and_refusals_are_failures_in_their_places():
    oracle = ForwardModelOracle(ArrayOracle("n", lambda items: [float(n) for n in items], "m", "maximize"), Blurred())
    assert (oracle.name, oracle.unit, oracle.direction, oracle.measured) == ("n", "m", "maximize", None)
    scores = oracle.score([2, 200, 3])
    assert [score.value for score in scores] == [3, None, 3]
    assert scores[1].failure == "too large"
    assert oracle.score([]) == []
