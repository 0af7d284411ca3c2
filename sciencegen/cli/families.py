"""`--alignment`: the model of a family, which is trained if it doesn't exist yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from sciencegen.cli.console import say
from sciencegen.errors import ConfigError

if TYPE_CHECKING:
    from sciencegen.config import GenerateSettings, OptimizeSettings

    Record = TypeVar("Record", GenerateSettings, OptimizeSettings)


def of_family(domain: str, record: Record, alignment: str, output: str) -> Record:
    """The settings with the model of the alignment's family. output: the file to write; its ending is checked first."""
    from sciencegen.api.science import in_form
    from sciencegen.api.score_variants import family_model, family_recipe
    from sciencegen.api.writing.writer import check_endings

    if record.model is not None:
        raise ConfigError("Expected --alignment or --model, got both.")
    check_endings(in_form(domain, family_recipe(domain).form), output)  # before minutes of training
    return record.model_copy(update={"model": str(family_model(domain, alignment, record, say))})
