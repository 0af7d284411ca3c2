"""Trust regions."""

from sciencegen.optimization.bayes import TrustRegion
from tests.optimization.running import run


def test_bayes_restarts_and_ascent_begins_from_draws_that_only_the_encoder_locates(toy_space, objective, monkeypatch):
    """Draws that come as items have no latent until they are encoded: a search that forgets it only draws."""
    drawn = []

    def draw(n, generator):
        drawn.append(n)
        items = toy_space(4).decode(generator.standard_normal((n, 4)))
        return [(abs(first) + 0.1, *rest) for first, *rest in items] if len(drawn) == 1 else items

    monkeypatch.setattr(TrustRegion, "after", lambda region, improved: TrustRegion(0.0))  # restarts after each round
    for method, goal in (("bayes", "maximize sphere"), ("ascent", "maximize failing")):
        drawn.clear()
        trace = run(toy_space(4, draw=draw), objective(goal, budget=140), method, initial=20, batch=20)
        assert len(trace) == 140
        assert 20 < sum(drawn) < 60
