"""Recipes of protein models: which network, with which settings."""

from __future__ import annotations

from sciencegen.domains.base import Recipe

RECIPES: dict[str, Recipe] = {}
