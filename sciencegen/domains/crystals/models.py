"""The recipes of crystals."""

from __future__ import annotations

from sciencegen.domains.recipes import Recipe

RECIPES: dict[str, Recipe] = {}
