"""Synthesis routes from building blocks by reaction templates."""

from sciencegen.domains.molecules.synthesis.routes import Route, replay, write_route

__all__ = ["Route", "replay", "write_route"]
