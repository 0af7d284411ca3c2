import math

import pytest
import torch

from sciencegen.batch import Batch
from sciencegen.diffusion.state import CategoricalSpace, Euclidean, Field, State, ZeroCentre
from sciencegen.errors import ConfigError, DataError, ShapeError

MASK = torch.tensor([[True, True, True, False], [True, False, False, False], [False, False, False, False]])
MOLECULE = State(
    {"place": Field(ZeroCentre()), "kind": Field(CategoricalSpace(3)), "link": Field(Euclidean(), positions=2)}
)


def molecule(generator, mask=MASK):
    kind = torch.randint(3, (3, 4), generator=generator)
    place, link = (torch.randn(3, 4, size, generator=generator) for size in (2, 4))
    return MOLECULE.embed(Batch({"place": place, "kind": kind, "link": link}, mask))


def test_each_space_counts_its_own_dimensions(generator):
    x = molecule(generator)
    counts = {
        name: field.space.dimensions(x[name], field.real(x[name], MASK)).tolist()
        for name, field in MOLECULE.fields.items()
    }
    assert counts == {"place": [4.0, 0.0, 0.0], "kind": [9.0, 3.0, 0.0], "link": [3.0, 0.0, 0.0]}
    assert MOLECULE.dimensions(x).tolist() == [16.0, 3.0, 0.0]
    assert MOLECULE.dimensions(molecule(generator, None)).tolist() == [6.0 + 12 + 6] * 3


def test_projecting_is_idempotent_and_centres_what_is_real(generator):
    x = molecule(generator)
    again = MOLECULE.project(x.fields, MASK)
    for name in MOLECULE.fields:
        torch.testing.assert_close(again[name], x[name])
    torch.testing.assert_close(x["place"].sum(1), torch.zeros(3, 2))
    assert (x["place"][~MASK] == 0).all()
    assert (x["kind"][~MASK] == 0).all()
    torch.testing.assert_close(x["link"], x["link"].transpose(1, 2))
    assert (x["link"].diagonal(dim1=1, dim2=2) == 0).all()


def test_noise_has_the_covariance_of_its_space(generator):
    """Its squared length has the mean of a chi-squared variable with the space's dimensions, as has its variance."""
    many = Batch({"place": torch.zeros(20_000, 4, 2)}, MASK[:1].expand(20_000, -1))
    state = State({"place": Field(ZeroCentre())})
    norms = state.squared_norms(state.noise(many, generator), many.mask)["place"]
    assert norms.mean().item() == pytest.approx(4.0, abs=0.1)
    assert norms.var().item() == pytest.approx(8.0, rel=0.1)


def test_pairs_count_once_and_have_unit_noise(generator):
    many = Batch({"link": torch.zeros(20_000, 3, 3)})
    state = State({"link": Field(Euclidean(), positions=2)})
    noise = state.noise(many, generator)
    assert noise["link"][:, 0, 1].std().item() == pytest.approx(1.0, abs=0.02)
    assert state.squared_norms(noise, None)["link"].mean().item() == pytest.approx(3.0, abs=0.1)


def test_categories_are_read_as_they_were_written(generator):
    index = torch.randint(3, (3, 4), generator=generator)
    x = State({"kind": Field(CategoricalSpace(3))}).embed(Batch({"kind": index}))
    assert x["kind"].shape == (3, 4, 3)
    assert torch.equal(State({"kind": Field(CategoricalSpace(3))}).read(x)["kind"], index)


def test_other_categories_are_refused_unless_they_are_padding():
    state = State({"kind": Field(CategoricalSpace(3))})
    index, mask = torch.tensor([[0, 7], [2, -1]]), torch.tensor([[True, False], [True, False]])
    assert state.read(state.embed(Batch({"kind": index}, mask)))["kind"][:, 0].tolist() == [0, 2]
    with pytest.raises(DataError, match="categories 0 to 2, got -1 to 7"):
        state.embed(Batch({"kind": index}))


@pytest.mark.parametrize("log_snr", [-4.0, 2.0, 12.0])
def test_the_likelihood_of_categories_is_the_integral_it_says(log_snr, generator):
    std = math.exp(-0.5 * log_snr)
    z = torch.tensor([0.7, 0.2, -0.4]) if log_snr < 5 else torch.tensor([1.001, 0.0, 0.002])
    normal = torch.distributions.Normal(z, std)
    mass = normal.cdf(torch.tensor(1.5)) - normal.cdf(torch.tensor(0.5))
    x = torch.eye(3)
    surprise = CategoricalSpace(3).surprise(x[:, None], z.expand(3, 1, 3), torch.full((3,), log_snr), None)
    expected = -(mass / mass.sum()).log()
    finite = torch.isfinite(expected)
    assert finite.any()
    torch.testing.assert_close(surprise[finite], expected[finite], rtol=1e-6, atol=1e-9)
    assert torch.isfinite(surprise).all()
    assert (-surprise).exp().sum().item() == pytest.approx(1.0)


def test_the_continuous_surprise_is_its_own_expectation(generator):
    """-E log N(x; z / alpha, e^-log_snr) over z ~ q(z | x), by sampling."""
    log_snr, x = torch.tensor([1.3]), torch.tensor([[0.4, -2.0]])
    noise = torch.randn(100_000, 2, generator=generator)
    each = 0.5 * (noise.square() + math.log(2 * math.pi) - log_snr).sum(1)
    assert Euclidean().surprise(x, x, log_snr, None).item() == pytest.approx(each.mean().item(), abs=0.02)


@pytest.mark.parametrize(
    ("fields", "mask", "error", "message"),
    [
        ({"place": torch.zeros(2, 3)}, None, ConfigError, "Unknown field .* 'kind'"),
        ({"kind": torch.zeros(2, 3, 1), "other": torch.zeros(2)}, MASK, ShapeError, r"mask of shape \[2, 3\]"),
        ({"kind": torch.zeros(2)}, None, ShapeError, r"shape \[batch position \.\.\.\].*got \[2\]"),
    ],
)
def test_batches_that_do_not_fit_the_state_are_refused(fields, mask, error, message):
    with pytest.raises(error, match=message):
        State({"kind": Field(CategoricalSpace(1))}).check(fields, mask)


def test_impossible_states_are_refused():
    with pytest.raises(ConfigError, match="one or more fields"):
        State({})
    with pytest.raises(ConfigError, match="0, 1 or 2"):
        Field(Euclidean(), positions=3)
    with pytest.raises(ConfigError, match="centre at zero, got 2"):
        Field(ZeroCentre(), positions=2)
    with pytest.raises(ConfigError, match="1 or more categories"):
        CategoricalSpace(0)
    with pytest.raises(ShapeError, match=r"\[batch position position \.\.\.\].*got \[2, 3, 4\]"):
        MOLECULE.check(
            {"place": torch.zeros(2, 3, 2), "kind": torch.zeros(2, 3, 3), "link": torch.zeros(2, 3, 4)}, None
        )
