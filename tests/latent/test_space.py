"""What a latent space needs of a model, the toy's models have."""

import torch

from sciencegen.latent.space import LatentModel
from tests.toy.models import untrained


def test_a_model_encodes_decodes_and_draws_rows_of_its_latent():
    model: LatentModel = untrained()[0]
    noise = torch.randn(5, model.latent_size, generator=torch.Generator().manual_seed(0))
    assert 0 < model.semantic_size <= model.latent_size
    latents = model.sample(noise)
    assert latents.shape == noise.shape
    batch = model.decode(latents)
    assert len(batch) == 5
    assert model.encode(batch).shape == noise.shape
    assert len(model.generate(noise)) == 5
