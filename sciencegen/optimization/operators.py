"""How evolution makes children: latent moves of several sizes, crossover, and the domain's own moves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from sciencegen.optimization import moves
from sciencegen.optimization.population import Individual
from sciencegen.optimization.spaces import Item, SearchSpace

Latents = Float[np.ndarray, "item latent"]


@dataclass(frozen=True)
class Child:
    """A proposed item, the operator that made it, and its latent (NaN where an operator works on items)."""

    operator: str
    item: Item
    latent: Float[np.ndarray, " latent"]

    @property
    def has_latent(self) -> bool:
        return bool(np.isfinite(self.latent).all())


Parent = Individual | Child
Move = Callable[[Item, np.random.Generator], Item | None]
LatentMove = Callable[[Latents, Latents, np.random.Generator], Latents]
ItemMove = Callable[[Parent, Parent, np.random.Generator], Item | None]


def latent_moves(space: SearchSpace) -> dict[str, LatentMove]:
    """(parents, partners, generator) -> children, by name, on the semantic part, the noise part, or all."""
    if not space.latent_size:
        return {}
    everything = np.ones(space.latent_size, bool)
    semantic = np.arange(space.latent_size) < space.semantic_size
    table: dict[str, LatentMove] = {
        "semantic_small": lambda z, other, rng: moves.crank_nicolson_step(z, _steps(z, 0.02, 0.12, rng), semantic, rng),
        "semantic_medium": lambda z, other, rng: moves.crank_nicolson_step(z, _steps(z, 0.12, 0.4, rng), semantic, rng),
        "semantic_large": lambda z, other, rng: moves.crank_nicolson_step(z, _steps(z, 0.4, 0.9, rng), semantic, rng),
        "semantic_segment": lambda z, other, rng: moves.resample_segment(z, semantic, rng),
        "crossover": lambda z, other, rng: moves.exchange_coordinates(z, other, everything, rng),
        "crossover_segment": lambda z, other, rng: moves.exchange_segment(z, other, everything, rng),
        "mix": lambda z, other, rng: moves.spherical_mix(z, other, rng.uniform(0.1, 0.5, (len(z), 1)), everything),
        "difference": lambda z, other, rng: _extrapolate(z, other, rng),
    }
    if space.semantic_size < space.latent_size:
        table |= {
            "noise_medium": lambda z, other, rng: moves.crank_nicolson_step(
                z, _steps(z, 0.1, 0.5, rng), ~semantic, rng
            ),
            "noise_fresh": lambda z, other, rng: moves.crank_nicolson_step(z, 1.0, ~semantic, rng),
            "both_medium": lambda z, other, rng: moves.crank_nicolson_step(
                z, _steps(z, 0.1, 0.5, rng), everything, rng
            ),
            "semantic_crossover": lambda z, other, rng: moves.exchange_coordinates(z, other, semantic, rng),
        }
    return table


def item_moves(space: SearchSpace) -> dict[str, ItemMove]:
    """(parent, partner, generator) -> child item or None, by name."""
    table: dict[str, ItemMove] = {}
    if space.mutate is not None:
        mutate = space.mutate
        table["mutation"] = lambda parent, partner, rng: mutate(parent.item, rng)
        table["mutation_twice"] = lambda parent, partner, rng: _repeat(mutate, parent.item, 2, rng)
    if space.edit is not None:
        edit = space.edit
        table["edit"] = lambda parent, partner, rng: edit(parent.item, rng)
        table["edit_twice"] = lambda parent, partner, rng: _repeat(edit, parent.item, 2, rng)
    if space.recombine is not None:
        recombine = space.recombine
        table["recombination"] = lambda parent, partner, rng: recombine(parent.item, partner.item, rng)
    return table


def make_children(
    space: SearchSpace,
    names: Sequence[str],
    parents: Sequence[Parent],
    partners: Sequence[Parent],
    generator: np.random.Generator,
) -> list[Child]:
    """One child per row, without those that failed. Latents are decoded in one call."""
    items: list[Item | None] = [None] * len(names)
    latents = np.full((len(names), space.latent_size), np.nan, np.float32)
    by_latent, by_item = latent_moves(space), item_moves(space)
    for name in dict.fromkeys(names):
        rows = [row for row, other in enumerate(names) if other == name]
        if name in by_item:
            for row in rows:
                items[row] = _accepted(space, by_item[name](parents[row], partners[row], generator))
        elif name == "prior":
            drawn, latents[rows] = space.draw_accepted(len(rows), generator)
            for row, item in zip(rows, drawn, strict=True):
                items[row] = item
        else:
            first, second = (np.stack([group[row].latent for row in rows]) for group in (parents, partners))
            latents[rows] = by_latent[name](first, second, generator)
    moved = [row for row, name in enumerate(names) if name in by_latent]
    decodable = np.array(moved, int)[np.isfinite(latents[moved]).all(1)]
    for row, item in zip(decodable.tolist(), space.decode_accepted(latents[decodable]), strict=True):
        items[row] = item
    born = zip(names, items, latents, strict=True)
    return [Child(name, item, latent) for name, item, latent in born if item is not None]


def _steps(latents: Latents, low: float, high: float, generator: np.random.Generator) -> Float[np.ndarray, "item 1"]:
    """A step size for each child, log-uniform between low and high."""
    return np.exp(generator.uniform(np.log(low), np.log(high), (len(latents), 1)))


def _extrapolate(latents: Latents, others: Latents, generator: np.random.Generator) -> Latents:
    """A step away from the partner, as in differential evolution, with the norm limited to about the parent's."""
    moved = latents + generator.uniform(0.1, 0.6, (len(latents), 1)) * (latents - others)
    norm = np.linalg.norm(moved, axis=1, keepdims=True)
    return (
        moved * np.minimum(1.0, np.linalg.norm(latents, axis=1, keepdims=True) * 1.05 / np.maximum(norm, 1e-9))
    ).astype(np.float32)


def _repeat(move: Move, item: Item | None, times: int, generator: np.random.Generator) -> Item | None:
    for _ in range(times):
        item = move(item, generator) if item is not None else None
    return item


def _accepted(space: SearchSpace, item: Item | None) -> Item | None:
    return item if item is not None and space.accept(item) else None
