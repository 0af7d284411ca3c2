import pytest
import torch

from sciencegen.errors import DataError, IncompatibleError, ShapeError
from sciencegen.prediction.latent import (
    ARRAYS,
    LatentPredictorSettings,
    fit_latent_predictor,
    load_latent_predictor,
    save_latent_predictor,
)

SETTINGS = LatentPredictorSettings(members=4, hidden=48, steps=400, learning_rate=5e-3, weight_decay=1.0)


def peak(latents):
    """Highest, at 0, where the first two coordinates are 1 and -1."""
    return -((latents[:, 0] - 1) ** 2) - (latents[:, 1] + 1) ** 2


@pytest.fixture(scope="module")
def model():
    generator = torch.Generator().manual_seed(0)
    latents = torch.randn(600, 6, generator=generator)
    values = peak(latents) + 0.1 * torch.randn(600, generator=generator)
    values[0] = float("nan")
    return fit_latent_predictor(latents, values, SETTINGS, generator)


def test_it_predicts_new_latents_with_an_honest_deviation(model):
    latents = torch.randn(1000, 6, generator=torch.Generator().manual_seed(1))
    mean, std = model(latents)
    truth = peak(latents)
    assert ((mean - truth) ** 2).mean() < 0.15 * truth.var()
    assert 0.5 < ((mean - truth).abs() < 1.645 * std).double().mean() <= 1
    assert model(latents * 6)[1].mean() > 2 * std.mean()


def test_ascent_along_its_gradient_finds_the_peak(model):
    latents = torch.zeros(5, 6, requires_grad=True)
    optimizer = torch.optim.Adam([latents], lr=0.05)
    for _ in range(150):
        optimizer.zero_grad()
        mean, std = model(latents)
        (std - mean).sum().backward()
        optimizer.step()
    assert (latents[:, :2].detach() - torch.tensor([1.0, -1.0])).abs().max() < 0.4


def test_one_seed_gives_one_model_and_files_give_it_back(model, tmp_path):
    latents = torch.randn(60, 6, generator=torch.Generator().manual_seed(2))
    fit = lambda: fit_latent_predictor(  # noqa: E731
        latents, peak(latents), LatentPredictorSettings(steps=20), torch.Generator().manual_seed(3)
    )
    for name in ("a", "b"):
        save_latent_predictor(fit(), tmp_path / name)
    assert (tmp_path / "a" / ARRAYS).read_bytes() == (tmp_path / "b" / ARRAYS).read_bytes()
    save_latent_predictor(model, tmp_path / "c")
    for before, after in zip(model(latents), load_latent_predictor(tmp_path / "c")(latents), strict=True):
        assert torch.equal(before, after)
    (tmp_path / "c" / ARRAYS).write_bytes(b"")
    with pytest.raises(IncompatibleError, match="changed"):
        load_latent_predictor(tmp_path / "c")


def test_bad_tables_are_refused(model):
    with pytest.raises(ShapeError, match="latents"):
        model(torch.zeros(3, 5))
    with pytest.raises(DataError, match="vary"):
        fit_latent_predictor(torch.randn(20, 3), torch.ones(20), SETTINGS, torch.Generator())
    with pytest.raises(DataError, match="at least 10"):
        fit_latent_predictor(torch.randn(5, 3), torch.arange(5.0), SETTINGS, torch.Generator())
