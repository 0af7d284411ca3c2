"""A VAE of vectors: what it is told it makes, and its bound rises as it learns."""

import torch

from sciencegen.batch import Batch
from sciencegen.vae.array_vae import VALUES, ArrayVAE


def line(count: int, generator: torch.Generator) -> Batch:
    """Points along a direction, as far as the condition says, with little noise."""
    along = torch.randn(count, 1, generator=generator)
    noise = 0.1 * torch.randn(count, 4, generator=generator)
    return Batch({VALUES: along * torch.tensor([1.0, -1.0, 0.5, 0.0]) + noise}, None, along)


def test_draws_follow_the_condition_and_the_bound_rises():
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    model, data = ArrayVAE(4, 1, latent_size=2, width=32), line(400, generator)
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    before = model.terms(data).elbo.mean()
    for step in range(200):
        optimizer.zero_grad()
        model.loss(data, step, generator)["loss"].backward()
        optimizer.step()
    assert model.terms(data).elbo.mean() > before + 3
    noise, told = torch.randn(300, 2, generator=generator), torch.full((300, 1), 1.5)
    with torch.no_grad():
        made, free = model.generate(noise, told)[VALUES], model.generate(noise)[VALUES]
    assert torch.allclose(made.mean(0), torch.tensor([1.5, -1.5, 0.75, 0.0]), atol=0.2)
    assert made[:, 0].std() < 0.5 < free[:, 0].std(), "what isn't told varies"


def test_nothing_is_left_to_fit():
    model = ArrayVAE(4, 0)
    weights = [weight.clone() for weight in model.parameters()]
    model.finish([], torch.Generator())
    assert all(map(torch.equal, weights, model.parameters()))
