import pytest

from sciencegen.errors import ConfigError
from sciencegen.vae.warmup import WARMUPS, Warmup


@pytest.mark.parametrize("shape", WARMUPS)
def test_weights_stay_between_start_and_end(shape):
    weights = [Warmup(shape, 10, 0.1, 0.5)(step) for step in range(40)]
    assert min(weights) >= 0.1
    assert max(weights) == pytest.approx(0.5)


@pytest.mark.parametrize("shape", ["linear", "cosine"])
def test_a_rise_starts_at_start_never_falls_and_stays_at_end(shape):
    weights = [Warmup(shape, 10, 0.1, 0.5)(step) for step in range(20)]
    assert weights == sorted(weights)
    assert weights[0] == pytest.approx(0.1)
    assert weights[5] == pytest.approx(0.3)
    assert weights[10:] == [pytest.approx(0.5)] * 10


def test_a_cycle_comes_back():
    weights = [Warmup("cyclical", 10)(step) for step in range(30)]
    assert weights[:10] == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1, 1, 1, 1, 1])
    assert weights[20:] == pytest.approx(weights[:10])


def test_no_steps_is_the_end_at_once_and_wrong_settings_are_refused():
    assert Warmup("linear", 0, 0.0, 0.7)(0) == 0.7
    with pytest.raises(ConfigError, match="Did you mean 'linear'"):
        Warmup("liner")
    with pytest.raises(ConfigError, match="got -1"):
        Warmup("linear", -1)
