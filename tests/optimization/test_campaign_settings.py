"""Settings of campaigns."""

from sciencegen.optimization.candidates import exploration_at


def test_exploration_falls_to_the_last_round():
    falling = [exploration_at(number, 5) for number in range(2, 6)]
    assert falling == sorted(falling, reverse=True)
    assert (falling[0], falling[-1]) == (1.7, 1.0)
    assert exploration_at(9, 5) == exploration_at(2, 2) == exploration_at(1, 1) == 1.0
    assert exploration_at(1, 5) == 1.7
