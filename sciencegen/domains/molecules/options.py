"""This domain's own section of a configuration."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, field_validator

from sciencegen.domains.molecules.alerts import CATALOGS, DEFAULT_CATALOGS
from sciencegen.domains.molecules.patterns import KeptPattern, compile_smarts
from sciencegen.errors import unknown_name


class MoleculeOptions(BaseModel):
    """An unknown key, catalog or pattern is an error before anything runs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    alerts: tuple[str, ...] = Field(DEFAULT_CATALOGS, description="catalogs of structural alerts that `alerts` counts")
    keep: tuple[str, ...] = Field((), description="SMARTS that every molecule must hold; `*` marks where it may grow")
    forbid: tuple[str, ...] = Field((), description="SMARTS that no molecule may hold")

    @field_validator("alerts")
    @classmethod
    def _known_catalogs(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if name not in CATALOGS:
                raise unknown_name("alert catalog", name, CATALOGS)
        return names

    @field_validator("keep")
    @classmethod
    def _keep_compiles(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in patterns:
            KeptPattern.compile(pattern)
        return patterns

    @field_validator("forbid")
    @classmethod
    def _forbid_compiles(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in patterns:
            compile_smarts(pattern, "forbid")
        return patterns
