"""The molecule recipe, and fine-tuning's start from trained weights."""

import dataclasses

import numpy as np
import pytest
import torch

from sciencegen.domains.molecules import items
from sciencegen.domains.molecules.models import RECIPES
from sciencegen.domains.molecules.properties import measure
from sciencegen.networks.sequence import SequenceSizes
from sciencegen.vae.latent_prior_vae import LatentPriorVAESettings
from sciencegen.vae.sequence_vae import SequenceVAESettings

SMILES = ["CCO", "c1ccccc1O", "CC(=O)Nc1ccc(O)cc1", "O=C(O)c1ccccc1", "CCN(CC)CC", "Cc1ccncc1"]
SMALL = SequenceVAESettings(width=32, heads=2, layers=1, hidden=32, flow_layers=2, flow_width=16)


@pytest.fixture(scope="module")
def base():
    torch.manual_seed(0)
    recipe = RECIPES["selfies-vae"]
    values = np.random.default_rng(0).normal(size=(6, 3))
    old = recipe.fit(SMILES, values, ("a", "b", "c"))
    return recipe, old, recipe.build(old, SMALL).eval()


def test_molecules_survive_the_latent_space(base):
    _, representation, model = base
    molecules = [items.parse(smiles) for smiles in SMILES]
    latent = model.encode(representation.batch(representation.encode(molecules)))
    back = representation.decode(model.decode(latent))
    assert [items.text(m) for m in back] == [items.text(m) for m in molecules]


def test_adapting_starts_from_the_same_model(base):
    recipe, old, model = base
    new = recipe.adaptation.adapt_representation(old, [*SMILES, "CCI"], np.ones((7, 4)), ("c", "potency", "a", "b"))
    adapted = recipe.adaptation.adapt(model, old, new, model.settings, 0).eval()
    noise = torch.randn(8, model.latent_size, generator=torch.Generator().manual_seed(0))
    batch = old.batch(old.encode([items.parse(smiles) for smiles in SMILES]))
    before = model.posterior(model.encoder(batch["tokens"], batch.mask)).mean
    after = adapted.posterior(adapted.encoder(batch["tokens"], batch.mask)).mean
    assert torch.allclose(before, after)
    condition = torch.tensor([[float("nan"), float("nan"), 0.7]]).expand(8, -1)
    both = torch.tensor([[0.7, 0.3, float("nan"), float("nan")]]).expand(8, -1)
    assert torch.allclose(model.read(batch), adapted.read(batch)[:, [2, 3, 0]], atol=1e-5)
    code = noise[:, : model.semantic_size]
    assert torch.allclose(model.prior(code, condition), adapted.prior(code, both), atol=1e-4)
    old_logits = model.likelihood(before, batch.with_condition(condition[:6])).logits
    new_logits = adapted.likelihood(after, batch.with_condition(both[:6])).logits
    count = old_logits.shape[-1]
    assert torch.allclose(old_logits, new_logits[..., :count], atol=1e-5)
    mean = old_logits.mean(-1, keepdim=True).expand_as(new_logits[..., count:])
    assert torch.allclose(new_logits[..., count:], mean, atol=1e-5), "a new token must not outweigh the likely ones"


def test_adapting_the_model_of_smiles_starts_from_the_same_model():
    torch.manual_seed(0)
    recipe = RECIPES["smiles-vae"]
    sizes = SequenceSizes(token=8, encoder=8, decoder=8, slots=2, slot=8, heads=2, dense=16)
    small = LatentPriorVAESettings(code=4, networks=sizes, prior_layers=2, prior_width=8)
    old = recipe.fit(SMILES, np.random.default_rng(0).normal(size=(6, 3)), ("a", "b", "c"))
    model = recipe.build(old, small).eval()
    new = recipe.adaptation.adapt_representation(old, SMILES, np.ones((6, 4)), ("c", "potency", "a", "b"))
    chosen = dataclasses.replace(small, share=0.5)
    adapted = recipe.adaptation.adapt(model, old, new, chosen, 0).eval()
    assert adapted.settings.share == 0.5
    batch, nan = old.batch(old.encode([items.parse(smiles) for smiles in SMILES])), float("nan")
    assert torch.allclose(model.encode(batch), adapted.encode(batch), atol=1e-5)
    noise = torch.randn(8, 4, generator=torch.Generator().manual_seed(0))
    condition, same = torch.tensor([[0.3, nan, 0.7]]), torch.tensor([[0.7, nan, 0.3, nan]])
    assert torch.allclose(
        model.prior(noise, condition.expand(8, -1)), adapted.prior(noise, same.expand(8, -1)), atol=1e-4
    )
    assert torch.allclose(model.read(noise)[:, [2, 0]], adapted.read(noise)[:, [0, 2]], atol=1e-5)


SIZES = SequenceSizes(token=8, encoder=8, decoder=8, slots=2, slot=8, heads=2, dense=16)


@pytest.mark.parametrize("prior", ["flow", "diffusion", "of SELFIES"])
@pytest.mark.parametrize(("before", "after"), [((), ("a",)), (("a", "b"), ()), ((), ())])
def test_adapting_adds_the_first_property_and_removes_the_last_one(prior, before, after):
    torch.manual_seed(0)
    small, recipe = SMALL, RECIPES["selfies-vae"]
    if prior != "of SELFIES":
        small = LatentPriorVAESettings(code=4, networks=SIZES, latent_prior=prior, prior_layers=2, prior_width=8)
        recipe = RECIPES["smiles-vae"]
    old = recipe.fit(SMILES, np.random.default_rng(0).normal(size=(6, len(before))), before)
    model = recipe.build(old, small).eval()
    with torch.no_grad():  # as after training, which leaves no weights at 0
        for parameter in model.prior.parameters():
            parameter += 0.1 * torch.randn(parameter.shape)
    new = recipe.adaptation.adapt_representation(old, SMILES, np.ones((6, len(after))), after)
    adapted = recipe.adaptation.adapt(model, old, new, small, 0).eval()
    noise = torch.randn(8, model.semantic_size)
    assert torch.allclose(model.prior(noise), adapted.prior(noise), atol=1e-4)
    batch = new.batch(new.encode([items.parse(smiles) for smiles in SMILES]), np.ones((6, len(after))))
    assert torch.isfinite(adapted.loss(batch, 0, torch.Generator().manual_seed(0))["loss"])


def test_a_model_of_smiles_measures_the_properties_that_are_known():
    recipe = RECIPES["smiles-vae"]
    values = np.array([[0.0, 40.0, 1.0], [2.0, 60.0, 3.0], [1.0, 50.0, 2.0]])
    representation = recipe.fit(SMILES[:3], values, ("logp", "tpsa", "activity"))
    sizes = SequenceSizes(token=8, encoder=8, decoder=8, slots=2, slot=8, heads=2, dense=16)
    model = recipe.build(representation, LatentPriorVAESettings(code=4, networks=sizes, prior_layers=2, prior_width=8))
    molecules = [items.parse(smiles) for smiles in ("CCO", "c1ccccc1O")]
    broken = [np.array([*representation.vocabulary.read(["C", "("]), 0])]
    batch = representation.batch([*representation.encode(molecules), *broken])
    found = model.measure(batch, [1, 2]).numpy()
    expected = (measure(molecules, ["tpsa"])[:, 0] - 50) / values[:, 1].std()
    assert found[:2, 1] == pytest.approx(expected, abs=1e-5)
    assert np.isnan(found[:2, [0, 2]]).all()
    assert np.isposinf(found[2]).all()


def test_settings_are_a_plain_record():
    assert dataclasses.asdict(SequenceVAESettings())["beta"]["end"] == 0.4
