"""A training step and a draw of every recipe on an accelerator that isn't there (`tests/accelerator.py`): the numbers
are those of the CPU, no tensor is left behind, and a step doesn't make the host wait."""

from __future__ import annotations

from copy import deepcopy
from functools import cache

import numpy as np
import pytest
import torch

from sciencegen.api.models.folder import recipe_settings
from sciencegen.domains import load_domain
from sciencegen.domains.checks import fitted
from sciencegen.domains.laws import Subject
from sciencegen.items import Refusal
from sciencegen.training.train import fits_later
from tests.accelerator import DEVICE, Generator, accelerated
from tests.domains.contract_examples import examples
from tests.vae import test_series_vae

DIFFUSION = {"steps": 2, "flow_steps": 1}
PAIRS = {"width": 16, "pair_width": 8, "layers": 1, "heads": 2, "radial": 4, "context": 8}
ATOMS = {**PAIRS, "vectors": 2}
STAMPS = {"pyramid": {"width": 4, "multipliers": [1, 2], "known": 8}, "code": 4, "flow_layers": 2, "flow_width": 8,
          "wish_layers": 2, "wish_width": 8}  # fmt: skip
SMILES = {"code": 4, "length": 12, "prior_layers": 2, "prior_width": 8, "candidates": 2, "measured": 1,
          "networks": {"token": 8, "encoder": 8, "decoder": 8, "slots": 2, "slot": 8, "heads": 2, "dense": 8},
          }  # fmt: skip
RECIPES: dict[str, tuple[str, str, dict[str, object]]] = {
    "array-vae": ("arrays", "array-vae", {"width": 8, "score_samples": 2}),
    "array-vae hamiltonian": ("arrays", "array-vae", {"width": 8, "posterior": "hamiltonian"}),
    "array-vae vamp": ("arrays", "array-vae", {
        "width": 8, "prior": "vamp", "bound": "importance_weighted", "samples": 2}),
    "array-vae iaf": ("arrays", "array-vae", {"width": 8, "posterior": "iaf", "semi_supervised": False}),
    "sequence-vae": ("arrays", "sequence-vae", {}),
    "array-diffusion": ("arrays", "array-diffusion", {"width": 8, "depth": 1, "diffusion": DIFFUSION}),
    "crystal-diffusion": ("crystals", "crystal-diffusion", {"network": PAIRS, "diffusion": DIFFUSION}),
    "crystal-vae": ("crystals", "crystal-vae", {
        "vae": {"latent": 4, "steps": 2, "flow": {"layers": 2, "width": 8}}, "encoder": PAIRS,
        "decoder": {"network": PAIRS, "diffusion": DIFFUSION}}),
    "stamp-vae": ("galaxies", "stamp-vae", STAMPS),
    "stamp-vae diffusion": ("galaxies", "stamp-vae", {**STAMPS, "latent_prior": "diffusion"}),
    "stamp-diffusion": ("galaxies", "stamp-diffusion", {
        "unet": {"width": 4, "multipliers": [1, 2], "known": 8, "symmetry": "d4"}, "diffusion": DIFFUSION}),
    "stamp-diffusion uvit": ("galaxies", "stamp-diffusion", {
        "network": "uvit", "uvit": {"width": 8, "depth": 1, "heads": 2}, "diffusion": DIFFUSION}),
    "smiles-vae": ("molecules", "smiles-vae", SMILES),
    "smiles-vae diffusion": ("molecules", "smiles-vae", {**SMILES, "latent_prior": "diffusion"}),
    "selfies-vae": ("molecules", "selfies-vae", {
        "code": 4, "width": 8, "heads": 2, "layers": 1, "hidden": 8, "flow_layers": 2, "flow_width": 8, "tries": 2}),
    "conformers": ("molecules/structures", "conformers", {"network": ATOMS, "diffusion": DIFFUSION}),
    "joint": ("molecules/structures", "joint", {"network": ATOMS, "diffusion": DIFFUSION}),
    "alignment-vae": ("proteins/aligned", "alignment-vae", {"members": 2, "hidden": 8, "latent": 2}),
    "variant-vae": ("proteins/aligned", "variant-vae", {"hidden": 8, "latent": 2}),
    "backbone-diffusion": ("proteins/structures", "backbone-diffusion", {
        "network": {"width": 16, "pair_width": 8, "layers": 1, "stages": 1, "heads": 2, "radial": 4, "context": 8},
        "diffusion": DIFFUSION}),
}  # fmt: skip
"""Recipes, and ways to set them that take other paths, with networks of some numbers."""


SHORT = ("CCO", "CCN", "CCC", "CC=O", "CC#N", "COC")
FAMILY = {"reference": "AKVWC", "first": 1, "columns": [0, 1, 2, 3, 4]}
ASKING = {"smiles-vae": 5, "smiles-vae diffusion": 5, "selfies-vae": 8}
"""How often a step makes the host wait: for the lengths of texts, for which rows are noised or have a code."""
ASKING_IN_DRAWS = {
    "array-vae": 16, "sequence-vae": 4, "smiles-vae": 19, "selfies-vae": 13, "backbone-diffusion": 10,
    "crystal-diffusion": 10,
}  # fmt: skip
"""The same of a draw: for each kind of columns; for which texts go on after each letter; for pairs of residues that are
near, and for elements whose charges may balance, once for each estimate. Others ask for sizes, and for the numbers that
key the noise, once."""
CLOSE: dict[str, float] = {"rtol": 1e-4, "atol": 1e-5}
"""Where there is no padding, masks are left out on a CPU alone, which changes the rounding."""


@cache
def made(name):
    """A model, and a batch for it."""
    domain, recipe, settings = RECIPES[name]
    if recipe == "sequence-vae":
        return test_series_vae.made(), test_series_vae.batch()
    of = Subject(load_domain(domain), SHORT if domain == "molecules" else examples(domain))
    recipe = of.domain.recipes[recipe]
    if recipe.family:
        texts = ("AKVWC", "AKVWG", "GKVWC")
        of = Subject(of.domain, texts)
        family = {**FAMILY, "family": recipe.name != "variant-vae"}
        representation = recipe.fit(texts, np.ones((3, 1)), ["weight"], family)
    else:
        representation = fitted(of, recipe)
    torch.manual_seed(0)
    model = recipe.build(representation, recipe_settings(recipe, settings))
    good = [row for row in representation.encode(of.items) if not isinstance(row, Refusal)][:4]
    return model.eval(), representation.batch(good, np.zeros((len(good), len(representation.properties))))


def test_all_recipes_are_here():
    domains = [load_domain(name) for name in ("arrays", "crystals", "galaxies", "molecules", "proteins")]
    names = {name for domain in domains for name, one in domain.recipes.items() if not one.fitted_at_once}
    assert names == {recipe for _, recipe, _ in RECIPES.values()}


@pytest.mark.parametrize("name", RECIPES)
def test_a_training_step(name):
    model, batch = made(name)
    expected = model.loss(batch, 3, torch.Generator().manual_seed(0))
    expected["loss"].backward()
    gradients = [each.grad for each in model.parameters()]
    model.zero_grad()
    with accelerated() as accelerator:
        there, moved = deepcopy(model).to(DEVICE), batch.to(DEVICE)
        accelerator.asked.clear()
        found = there.loss(moved, 3, Generator().manual_seed(0))
        found["loss"].backward()
    assert sum(accelerator.asked.values()) <= ASKING.get(name, 0), accelerator.asked
    for term, value in found.items():
        torch.testing.assert_close(value.inner, expected[term], **CLOSE)
    if not fits_later(model):
        assert all(gradient is not None for gradient in gradients), "several processes rely on it"
    for gradient, each in zip(gradients, there.parameters(), strict=True):
        assert (gradient is None) == (each.grad is None)
        if gradient is not None and not name.startswith("stamp-vae"):  # the stand-in is no good for spectra backwards
            assert (gradient - each.grad.inner).norm() <= 1e-3 * gradient.norm() + 1e-6


@pytest.mark.parametrize("name", RECIPES)
@torch.no_grad()
def test_draws(name):
    model, batch = made(name)
    noise = torch.randn(2, model.latent_size, generator=torch.Generator().manual_seed(1))
    like = {"like": batch.select(slice(2))} if name == "conformers" else {}
    expected = model.generate(noise, **like)
    with accelerated() as accelerator:
        moved = {key: value.to(DEVICE) for key, value in like.items()}
        there, start = deepcopy(model).to(DEVICE), noise.to(DEVICE)
        accelerator.asked.clear()
        found = there.generate(start, **moved)
    assert sum(accelerator.asked.values()) <= ASKING_IN_DRAWS.get(name.split()[0], 4), accelerator.asked
    for field, value in expected.fields.items():
        torch.testing.assert_close(found[field].inner, value, **CLOSE)
