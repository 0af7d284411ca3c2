"""Which method runs in which recipe: the settings that choose it, and tiny data to run it on.

`python -m tests.methods` writes the table of docs/methods.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sciencegen.domains.array_diffusion import array_diffusion_recipe
from sciencegen.domains.arrays import ArrayCodec, array_items, array_recipe, rounded
from sciencegen.domains.recipes import Recipe
from sciencegen.domains.tables import rows
from sciencegen.domains.tables.models import RECIPES as TABLES

PAGE = Path(__file__).parents[1] / "docs" / "methods.md"
START, END = "<!-- matrix -->", "<!-- end of matrix -->"
COUNT = 24
ITEMS = array_items((3,), 3)
CODEC = ArrayCodec(ITEMS, array=lambda item: item, item=lambda vector: rounded(vector, 3))

Values = Mapping[str, Any]
VAE = {"latent": 2, "width": 8, "depth": 1, "flow_layers": 1, "flow_width": 8, "prior_steps": 2, "components": 3}
DIFFUSION = {"width": 8, "depth": 1, "diffusion": {"steps": 2, "flow_steps": 2}}
PLAIN = ("array-vae", "array_recipe")
VAES = (*PLAIN, "sequence-vae")
DIFFUSIONS = ("array-diffusion", "array_diffusion_recipe")
COLUMNS = (*VAES, *DIFFUSIONS)

METHODS: dict[str, tuple[Values, tuple[str, ...]]] = {
    "**posterior** diagonal Gaussian": ({"posterior": "gaussian"}, VAES),
    "full covariance": ({"posterior": "full_covariance"}, VAES),
    "inverse autoregressive flow": ({"posterior": "iaf"}, VAES),
    "product of the evidence of cells": ({"posterior": "product"}, PLAIN),
    "Hamiltonian": ({"posterior": "hamiltonian"}, VAES),
    "ladder of latents": ({"layers": [3, 2]}, VAES),
    "**prior** standard normal": ({"prior": "standard_normal"}, VAES),
    "conditional Gaussian": ({"prior": "conditional"}, VAES),
    "mixture of Gaussians": ({"prior": "mixture"}, VAES),
    "VampPrior": ({"prior": "vamp"}, VAES),
    "flow, trained along": ({"prior": "flow"}, VAES),
    "**prior of draws** flow": ({"latent_prior": "flow"}, VAES),
    "diffusion of latents": ({"latent_prior": "diffusion"}, VAES),
    "diffusion of latents, learned schedule": (
        {"latent_prior": "diffusion", "latent_diffusion": {"schedule": "learned"}},
        VAES,
    ),
    "**bound** ELBO": ({"bound": "elbo"}, VAES),
    "importance-weighted": ({"bound": "importance_weighted"}, VAES),
    "**semi-supervised** condition inferred": ({"semi_supervised": True}, VAES),
    "direct linear maps": ({"direct": True}, PLAIN),
    **{
        f"{f'**{kind}** ' if at == 0 else f'{kind} '}{name}": ({"diffusion": {kind: name}}, DIFFUSIONS)
        for kind, names in (
            ("schedule", ("cosine", "linear", "edm", "learned")),
            ("prediction", ("v", "x", "eps", "score")),
            ("weighting", ("sigmoid", "elbo", "snr", "snr-fine", "edm", "edm-fine", "p2", "flow-matching")),
            ("sampler", ("ancestral", "ddim", "heun", "dpm-solver", "churn")),
        )
        for at, name in enumerate(names)
    },
    "guidance without a classifier": ({"diffusion": {"guidance": 1.0}}, DIFFUSIONS),
    "distillation (`--distill`)": ({"distill": 1}, DIFFUSIONS),
}
"""Method -> settings and the recipes that have it."""


def recipe_of(name: str) -> Recipe:
    """The recipe of a column."""
    made: dict[str, Callable[[], Recipe]] = {
        "array_recipe": lambda: array_recipe(CODEC),
        "array_diffusion_recipe": lambda: array_diffusion_recipe(CODEC),
    }
    return made[name]() if name in made else TABLES[name]


def data_of(name: str) -> tuple[list[str], str]:
    """Texts of a recipe's items, and the name of a condition, which is standard normal."""
    generator = np.random.default_rng(0)
    if name.endswith("_recipe"):
        return [ITEMS.text(one) for one in generator.normal(0, 1, (COUNT, 3))], "size"
    series = {"spikes": lambda: generator.poisson(2.0, (4, 3)).tolist()} if name == "sequence-vae" else {}
    cells = {"x": lambda: round(generator.normal(), 3), "city": lambda: str(generator.choice(["Oslo", "Bergen"]))}
    drawn = [{key: draw() for key, draw in {**cells, **series}.items()} for _ in range(COUNT)]
    return [rows.text(row) for row in drawn], "x"


def run(name: str, settings: Values) -> None:
    """A step of training, the fits after it, draws and the likelihood; an error if one isn't finite."""
    from sciencegen.api.models.folder import recipe_settings
    from sciencegen.diffusion.distillation import Distillation

    recipe, (texts, condition) = recipe_of(name), data_of(name)
    distill = settings.get("distill")
    own = {key: value for key, value in settings.items() if key != "distill"}
    small = dict(DIFFUSION if name in DIFFUSIONS else VAE)
    if name == "sequence-vae":
        small["factors"] = 2
    base = recipe_settings(recipe, small)
    if "latent_diffusion" in own or own.get("latent_prior") == "diffusion":
        own["latent_diffusion"] = {"steps": 2, "flow_steps": 2, **own.get("latent_diffusion", {})}
    values = np.random.default_rng(1).normal(0, 1, (COUNT, 1))
    fitted = recipe.fit(texts, values, (condition,))
    torch.manual_seed(0)
    model = recipe.build(fitted, recipe_settings(recipe, own, base))
    items = [(ITEMS.parse if name.endswith("_recipe") else rows.parse)(text) for text in texts]
    batch, generator = fitted.batch(fitted.encode(items), values), torch.Generator().manual_seed(0)
    trained = Distillation(model, distill) if distill else model
    loss = trained.loss(batch, 0, generator)["loss"]
    loss.backward()
    learning = [one for one in trained.parameters() if one.grad is not None]
    assert loss.isfinite()
    assert learning
    assert all(one.grad.isfinite().all() for one in learning)
    model = (trained.student if distill else model).eval()
    model.finish([batch], generator)
    noise = torch.randn(3, model.latent_size, generator=generator)
    drawn = model.generate(noise, batch.condition[:3])
    assert all(value.isfinite().all() for value in drawn.fields.values())
    assert model.encode(batch).isfinite().all()
    assert np.isfinite(list(recipe.check(model, fitted, fitted.encode(items[:3])).values())).all()


def table() -> str:
    """The matrix as Markdown."""
    lines = [f"| | {' | '.join(f'`{name}`' for name in COLUMNS)} |", "|---|" + "---|" * len(COLUMNS)]
    for method, (_, where) in METHODS.items():
        lines.append(f"| {method} | {' | '.join('●' if name in where else '' for name in COLUMNS)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    before, _, rest = PAGE.read_text().partition(START)
    PAGE.write_text(f"{before}{START}\n\n{table()}\n\n{END}{rest.partition(END)[2]}")
