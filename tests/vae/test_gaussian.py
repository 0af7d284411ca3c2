import pytest
import torch
from torch.distributions import Independent, Normal

from sciencegen.errors import ShapeError
from sciencegen.vae.posteriors import DiagonalGaussian

pytestmark = pytest.mark.usefixtures("double_precision")


@pytest.fixture
def pair(generator):
    draw = torch.randn(4, 4, 3, generator=generator)
    return DiagonalGaussian(draw[0], 0.3 * draw[1]), DiagonalGaussian(draw[2], 0.3 * draw[3])


def test_log_prob_is_torchs_own(pair, generator):
    q, _ = pair
    z = torch.randn(4, 3, generator=generator)
    torch.testing.assert_close(q.log_prob(z), Independent(Normal(q.mean, q.log_std.exp()), 1).log_prob(z))


def test_samples_carry_their_own_density(pair, generator):
    q, _ = pair
    z, log_prob = q.sample(generator, 5)
    assert z.shape == (20, 3)
    torch.testing.assert_close(log_prob, q.log_prob(z))


def test_samples_of_an_item_stand_in_a_row(generator):
    q = DiagonalGaussian(torch.tensor([[0.0], [100.0]]), torch.zeros(2, 1))
    assert (q.sample(generator, 3)[0][:, 0] > 50).tolist() == [False] * 3 + [True] * 3


def test_kl_is_what_sampling_says(pair, generator):
    q, p = pair
    z, log_q = q.sample(generator, 100_000)
    samples = (log_q - p.log_prob(z)).reshape(4, -1)
    error = samples.std(1) / 100_000**0.5
    assert ((samples.mean(1) - q.kl(p)).abs() < 4 * error).all()


def test_kl_of_itself_is_zero_and_else_positive(pair):
    q, p = pair
    torch.testing.assert_close(q.kl(q), torch.zeros(4))
    assert (q.kl_per_dimension(p) > 0).all()


def test_wrong_sizes_say_expected_and_got(pair):
    q, _ = pair
    with pytest.raises(ShapeError, match=r"Expected latents \[batch 3\], got \[4, 2\]"):
        q.log_prob(torch.zeros(4, 2))
    with pytest.raises(ShapeError, match=r"Expected a multiple of 4 rows.*got \[5, 3\]"):
        q.log_prob(torch.zeros(5, 3))
