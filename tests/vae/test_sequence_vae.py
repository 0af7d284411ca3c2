"""The sequence VAE: lossless codes, a bound that is one, draws near a condition, replayed draws."""

from dataclasses import replace

import pytest
import torch

from sciencegen.batch import Batch
from sciencegen.errors import ShapeError
from sciencegen.networks.sequence import PropertyReader
from sciencegen.vae import autoregressive
from sciencegen.vae.autoregressive import END, resample
from sciencegen.vae.bounds import Warmup
from sciencegen.vae.posteriors import standard_normal_kl
from sciencegen.vae.sequence_vae import SequenceVAE, SequenceVAESettings, replayed

pytestmark = pytest.mark.long

# The sequence VAE as a latent space: lossless codes, a prior that conditions, a bound that is one.


SMALL = SequenceVAESettings(
    code=4, length=12, width=16, heads=2, layers=1, hidden=24, flow_layers=2, flow_width=16, beta=Warmup()
)
PROPERTIES = 2


def toy_batch(count, seed=0):
    """Runs of one symbol: the first property says which, the second how many."""
    generator = torch.Generator().manual_seed(seed)
    symbol = torch.randint(2, 5, (count,), generator=generator)
    length = torch.randint(2, 9, (count,), generator=generator)
    position = torch.arange(10)
    tokens = torch.where(position < length[:, None], symbol[:, None], END)
    mask = position <= length[:, None]
    condition = torch.stack([(symbol - 3).float(), (length - 5).float() / 2], 1)
    return Batch({"tokens": tokens}, mask, condition)


@pytest.fixture(scope="module")
def trained():
    torch.manual_seed(0)
    model = SequenceVAE(5, PROPERTIES, SMALL)
    model.reader = PropertyReader(5, PROPERTIES, 16, 48)  # a narrow one reads runs of one symbol as well
    optimizer = torch.optim.Adam(model.parameters(), 4e-3, fused=True)
    for step in range(300):
        optimizer.zero_grad()
        model.loss(toy_batch(64, step), step, torch.Generator().manual_seed(step))["loss"].backward()
        optimizer.step()
    model.eval()
    told = []
    model.finish([toy_batch(2000, 10_000)], torch.Generator().manual_seed(0), 200, 256, lambda *one: told.append(one))
    assert [one[:3] for one in told] == [("prior of codes", step, 200) for step in range(1, 201)]
    return model


def test_decode_inverts_encode(trained):
    batch = toy_batch(200, 7)
    latent = trained.encode(batch)
    back = trained.decode(latent)
    width = batch["tokens"].shape[1]
    assert latent.shape == (200, SMALL.code + SMALL.length)
    assert torch.equal(back["tokens"][:, :width], batch["tokens"])
    assert torch.equal(back.mask[:, :width], batch.mask)


def test_a_row_has_the_same_steps_alone_and_among_many(trained):
    """Bit by bit, for the middle of an improbable token's interval is near to its ends."""
    many = torch.randn(64, SMALL.code, generator=torch.Generator().manual_seed(6))
    previous = torch.full((64, 1), 3)
    with torch.no_grad():
        expected, _ = autoregressive.advance(
            trained._steps_of(many, None)[0], previous, trained._steps_of(many, None)[1]
        )
        for count in (1, 2, 3, 5, 9, 15, 16, 31, 33):
            step, state = trained._steps_of(many[:count], None)
            assert torch.equal(autoregressive.advance(step, previous[:count], state)[0], expected[:count])


def test_noise_decodes_to_data_and_obeys_the_condition(trained):
    noise = torch.randn(400, trained.latent_size, generator=torch.Generator().manual_seed(1))
    asked = torch.tensor([[1.0, float("nan")]]).expand(400, -1)
    drawn = trained.decode(trained.sample(noise, asked), asked)
    first = drawn["tokens"][:, 0]
    assert (first == 4).float().mean() > 0.9
    free = trained.decode(trained.sample(noise))["tokens"][:, 0]
    shares = [(free == symbol).float().mean() for symbol in (2, 3, 4)]
    assert min(shares) > 0.15


def test_the_bound_lies_below_the_true_entropy(trained):
    """log p(x) of the true source is -log(3 * 7): no bound averaged over the source may exceed it."""
    terms = trained.terms(toy_batch(3000, 77).with_condition(None), torch.Generator().manual_seed(0))
    expected = -torch.log(torch.tensor(21.0))
    assert terms.elbo.mean() < expected + 0.02
    assert terms.elbo.mean() > expected - 2.0


def test_conditions_may_be_missing_per_row(trained):
    batch = toy_batch(32)
    condition = batch.condition.clone()
    condition[::2] = float("nan")
    loss = trained.loss(batch.with_condition(condition), 0, torch.Generator().manual_seed(0))
    assert torch.isfinite(loss["loss"])


def test_a_condition_changes_what_a_latent_decodes_to(trained):
    noise = torch.randn(16, trained.latent_size, generator=torch.Generator().manual_seed(2))
    asked = torch.zeros(16, PROPERTIES)
    plain = trained.decode(noise, asked)["tokens"]
    assert not torch.equal(plain, trained.decode(noise, asked + 1.0)["tokens"])


def test_guidance_leans_toward_the_condition(trained):
    noise = torch.randn(400, trained.latent_size, generator=torch.Generator().manual_seed(3))
    asked = torch.tensor([[1.0, float("nan")]]).expand(400, -1)
    share = lambda: (trained.generate(noise, asked)["tokens"][:, 0] == 4).float().mean()  # noqa: E731
    settings = trained.settings
    try:
        trained.settings = replace(settings, tries=1)
        plain = share()
        trained.settings = replace(settings, guidance=2.0, tries=1)
        assert share() >= plain
        trained.settings = replace(settings, guidance=-1.0, tries=1)  # all the way back to the unconditional model
        assert share() < 0.6
    finally:
        trained.settings = settings


def test_the_model_reads_the_properties_of_whole_sequences(trained):
    batch = toy_batch(500, 5)
    assert (trained.read(batch) - batch.condition).abs().mean() < 0.3


def test_resampling_brings_draws_nearer_to_the_condition(trained):
    """The second property of the toy is the length; a wish between what is likely is met better with more tries."""
    noise = torch.randn(400, trained.latent_size, generator=torch.Generator().manual_seed(4))
    asked = torch.tensor([[float("nan"), 1.5]]).expand(400, -1)
    error, settings = {}, trained.settings
    try:
        for tries in (1, 8):
            trained.settings = replace(settings, tries=tries)
            length = trained.generate(noise, asked).mask.sum(1) - 1
            error[tries] = float(((length - 5) / 2 - 1.5).abs().mean())
    finally:
        trained.settings = settings
    assert error[8] < 0.7 * error[1]


def test_without_a_condition_there_is_one_try(trained):
    noise = torch.randn(50, trained.latent_size, generator=torch.Generator().manual_seed(5))
    free = torch.full((50, PROPERTIES), float("nan"))
    assert torch.equal(trained.generate(noise)["tokens"], trained.generate(noise, free)["tokens"])


def test_under_a_condition_draws_go_on_until_one_is_accepted(trained):
    noise = torch.randn(60, trained.latent_size, generator=torch.Generator().manual_seed(6))
    asked = torch.tensor([[1.0, float("nan")]]).expand(60, -1)
    even = lambda batch: batch.mask.sum(1) % 2 == 0  # noqa: E731
    assert even(trained.generate(noise, asked, even)).all()
    assert not even(trained.generate(noise, asked)).all()


def test_a_row_without_a_condition_is_drawn_once_whatever_stands_beside_it(trained):
    noise = torch.randn(60, trained.latent_size, generator=torch.Generator().manual_seed(6))
    mixed = torch.full((60, PROPERTIES), float("nan"))
    mixed[::2, 0] = 1.0
    even = lambda batch: batch.mask.sum(1) % 2 == 0  # noqa: E731
    together = trained.generate(noise, mixed, even)
    assert torch.equal(together["tokens"][1::2], trained.generate(noise)["tokens"][1::2])
    assert even(together.select(slice(0, None, 2))).all()


def test_wrong_latents_say_what_was_expected(trained):
    with pytest.raises(ShapeError, match="16"):
        trained.decode(torch.zeros(2, 3))


def test_kl_matches_a_monte_carlo_estimate(trained):
    posterior = trained.posterior(torch.randn(3, trained.encoder.feature_size))
    latent, log_q = posterior.sample(torch.Generator().manual_seed(0), 20_000)
    log_p = torch.distributions.Normal(0, 1).log_prob(latent).sum(-1)
    estimate = (log_q - log_p).unflatten(0, (3, -1)).mean(1)
    assert torch.allclose(estimate, standard_normal_kl(posterior), rtol=0.03, atol=0.03)


# Resampling: the best draw of each row, none malformed where a well-formed one came up, no more draws than needed.


NOISE = torch.randn(300, 3, generator=torch.Generator().manual_seed(0))
ASKED = torch.full((300, 1), 1.0)


def draw(noise, condition):
    """One position whose "token" is a number around the condition; odd hundredths are malformed."""
    value = condition + noise[:, :1]
    return Batch({"tokens": value}, torch.ones_like(value, dtype=torch.bool))


def miss(batch, condition):
    return (batch["tokens"] - condition).abs()[:, 0]


def accept(batch):
    return (batch["tokens"][:, 0] * 100).long() % 2 == 0


def test_one_try_is_the_draw_itself():
    found = resample(draw, miss, None, NOISE, ASKED, 1, 0.0, 0.5)
    assert torch.equal(found["tokens"], draw(NOISE, ASKED)["tokens"])


def test_more_tries_come_nearer_and_stop_when_near_enough():
    shown = []

    def counted(noise, condition):
        shown.append(len(noise))
        return draw(noise, condition)

    found = (resample(draw, miss, None, NOISE, ASKED, n, 0.0, 0.0) for n in (1, 4, 16))
    errors = [float(miss(one, ASKED).mean()) for one in found]
    assert errors[1] < 0.5 * errors[0]
    assert errors[2] < 0.5 * errors[1]
    found = resample(counted, miss, None, NOISE, ASKED, 64, 0.3, 0.0)
    assert miss(found, ASKED).max() <= 0.3
    assert shown == sorted(shown, reverse=True)
    assert sum(shown) < 0.2 * 64 * 300


def test_malformed_draws_are_kept_only_where_there_is_nothing_else():
    found = resample(draw, miss, accept, NOISE, ASKED, 16, 0.05, 0.0)
    assert accept(found).all()
    refuse = lambda batch: torch.zeros(len(batch), dtype=torch.bool)  # noqa: E731
    nothing = resample(draw, miss, refuse, NOISE, ASKED, 4, 0.05, 0.0)
    anything = resample(draw, miss, None, NOISE, ASKED, 4, 0.0, 0.0)
    assert torch.equal(nothing["tokens"], anything["tokens"])


def test_only_promising_draws_are_shown_to_accept():
    shown = []

    def counted(batch):
        shown.append(len(batch))
        return accept(batch)

    resample(draw, miss, counted, NOISE, ASKED, 16, 0.0, 0.0)
    assert shown[0] == 300
    assert sum(shown[8:]) < 0.5 * 8 * 300


def test_leaning_asks_for_more_than_is_wished():
    """A draw that reaches half of what it is asked for comes near only when it is asked for more."""

    def timid(noise, condition):
        return draw(noise * 0.1, condition * 0.7)

    straight, leaning = (resample(timid, miss, None, NOISE, ASKED, 32, 0.02, lean) for lean in (0.0, 0.6))
    assert miss(leaning, ASKED).mean() < 0.5 * miss(straight, ASKED).mean()


@pytest.mark.parametrize("rows", [slice(0, 1), slice(7, 20)])
def test_no_row_depends_on_the_others(rows):
    together = resample(draw, miss, accept, NOISE, ASKED, 16, 0.05, 0.3)
    apart = resample(draw, miss, accept, NOISE[rows], ASKED[rows], 16, 0.05, 0.3)
    assert torch.equal(together["tokens"][rows], apart["tokens"])


# Generative replay: new items and draws of the model that was there before.


class Counting:
    """Draws row k as k + 1 symbols and an end, the last row without an end."""

    latent_size = 2

    def __init__(self, length: int) -> None:
        self.length = length

    def generate(self, noise):
        position = torch.arange(self.length)
        size = torch.arange(len(noise))[:, None] + 1
        size[-1] = self.length
        tokens = torch.where(position < size, 7, END)
        return Batch({"tokens": tokens}, position <= size)


def own_batch(condition=None):
    return Batch(
        {"tokens": torch.tensor([[2, 3, END], [2, END, END], [3, END, END]])}, torch.ones(3, 3).bool(), condition
    )


def test_rows_are_the_new_items_then_the_ended_draws():
    batch = replayed(own_batch(), Counting(9), torch.Generator().manual_seed(0))
    assert batch["tokens"].tolist() == [[2, 3, END], [2, END, END], [3, END, END], [7, END, END], [7, 7, END]]
    assert batch.mask[3:].sum(1).tolist() == [2, 3]
    assert batch.condition is None


def test_draws_longer_than_the_items_are_padded_and_have_no_condition():
    batch = replayed(own_batch(torch.ones(3, 2)), Counting(2), torch.Generator().manual_seed(0))
    assert batch["tokens"].shape == (4, 3)
    assert batch.condition[:3].eq(1).all()
    assert batch.condition[3:].isnan().all()
    assert batch.mask[3].tolist() == [True, True, False]
