"""Settings that several verbs share, and what all settings have in common."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

COMPUTE_CHUNK = 512
"""Items in one matrix product. It is fixed, because products of other sizes round differently."""

CPU_CHUNK = 128
"""Rows of one call on a CPU: small enough that a search round of a few hundred rows uses several threads."""

ITEM_TIMEOUT_S = 30.0
"""Seconds that scoring one item may take."""

TEXTS = (tuple[str, ...], tuple[str, ...] | None)
"""Types of settings that accept several texts."""

Device = Literal["auto", "cpu", "cuda", "mps"]


class Settings(BaseModel):
    """A strict, immutable record."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, protected_namespaces=(), populate_by_name=True, allow_inf_nan=False,
        defer_build=True,  # of all records a command uses one or two
    )  # fmt: skip

    @field_validator("*", mode="before")
    @classmethod
    def _one_text_is_a_list(cls, value: Any, field: ValidationInfo) -> Any:
        """A single text is accepted where several texts are allowed, and a path where a text is."""
        annotation = cls.model_fields[str(field.field_name)].annotation
        value = str(value) if isinstance(value, Path) else value
        return (value,) if isinstance(value, str) and annotation in TEXTS else value


def as_texts(texts: str | Iterable[str]) -> list[str]:
    """A function's argument as a list of texts: a single text is one text, not its characters."""
    return [texts] if isinstance(texts, str) else list(texts)


class Resources(Settings):
    """The device and parallelism of a verb. `seed` changes results; `device`, and `threads` in training, rounding only.

    threads: 0 is every core. batch_size: number of items processed at once, at least one compute chunk per thread.
    """

    seed: int = Field(0, ge=0)
    device: Device = "auto"
    threads: int = Field(0, ge=0)
    batch_size: int = Field(COMPUTE_CHUNK, ge=1)


DEFAULT_RESOURCES = Resources()


class Reading(Resources):
    """How a verb reads rows of a file or a dataset; only `limit` applies to a prepared folder.

    sample: True reads the card's committed sample, False the whole set, None the whole set if it is in the cache.
    limit: only the first rows of a file, or of each split. offline: fetch nothing.
    wild_type: the reference of rows that are named as its variants, as text or a file (proteins: column mutant, A42G).
    """

    sample: bool | None = None
    limit: int | None = Field(None, ge=1)
    offline: bool = False
    wild_type: str | None = None


class FamilyMeasurements(Settings):
    """For the alignment of a family (proteins), measured values of variants of its first record: their table, and its
    column `target` (None: `value`)."""

    measured: str | None = None
    target: str | None = None


class BuildingBlocks(Settings):
    """blocks: a file of building blocks; only items are used that can be made from them in at most `maximum_steps`
    steps, and the table says how (molecules: synthesis routes)."""

    blocks: str | None = None
    maximum_steps: int = Field(4, ge=1, le=20)


class WellLayout(Settings):
    """plate: wells of a microplate, 96 or 384; None: no layout. With a plate the table has a row for each well, and
    without `batch` the items fill one plate. fill: rows, columns or random (rows, with the items in random order).
    edge_wells: whether items may be in the outermost wells. replicates: wells of each item. control_wells: wells of
    controls on each plate, 'A1,H12=item'; nothing after the '=' leaves them empty. control_copies: wells on each plate
    of each control without stated ones; these are spread evenly. picklist: echo, opentrons; a table of transfers beside
    the output for each. transfer_volume: of each transfer, in nL. stocks: options of the stock plates: size
    (384 or 96), echo_type, labware, destination_labware and height (mm)."""

    plate: int | None = None
    fill: str = "rows"
    edge_wells: bool = True
    replicates: int = Field(1, ge=1)
    control_wells: tuple[str, ...] = ()
    control_copies: int = Field(1, ge=1)
    picklist: tuple[str, ...] = ()
    transfer_volume: float | None = Field(None, gt=0)
    stocks: dict[str, Any] = {}
