"""Prepare: a file or a dataset to standardized, distinct, measured items, once."""

from __future__ import annotations

from sciencegen.api.sources.preparation import prepare

__all__ = ["prepare"]
