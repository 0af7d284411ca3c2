"""The record beside an output (`hits.csv.provenance.json`): what made its rows, so that `replay` can do it again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import Field

from sciencegen.api.writing.ingredients import Ingredients, portable
from sciencegen.config import Settings, build_settings
from sciencegen.data.number_ranges import NumberRanges
from sciencegen.errors import ConfigError, DataError, IncompatibleError
from sciencegen.files import atomic_write, check_regular, found_at, sha256_of
from sciencegen.runs import FORMAT_VERSION, canonical_json, check_format

ENDING = ".provenance.json"
LARGEST = 1 << 28
"""Bytes of a record that is read."""


class OutputRecord(Settings):
    """What made an output.

    format_version: of the record. settings: of the verb; paths are relative to the output's folder. models, inputs,
    versions: as in `Ingredients`. sha256: of the output, and of the settings and draws in this record. rows: their
    number in the output. draws: the number of each row's draw, from 0, as `NumberRanges`; None: rows can't be drawn one
    by one. left_out: which rows the output could not hold; they are counted from 1 with these. quality_by_draws: with
    `best_of`, the mean quality that fewer draws of each item would have had (`QualityByDraws.to_json`).
    """

    format_version: int
    verb: str
    domain: str
    seed: int
    device: str
    settings: dict[str, Any]
    models: dict[str, dict[str, str]]
    inputs: dict[str, str]
    versions: dict[str, str]
    sha256: dict[str, str]
    rows: int
    draws: str | None = None
    left_out: str = ""
    quality_by_draws: dict[str, Any] = Field(default_factory=dict)


NONE = NumberRanges(())


@dataclass(frozen=True)
class Written:
    """What is known of an output's rows after the last one. rows, draws, left_out, quality: as in `OutputRecord`."""

    rows: int
    draws: NumberRanges | None = None
    left_out: NumberRanges = NONE
    quality: Mapping[str, Any] = field(default_factory=dict)


def record_path(output: str | Path) -> Path:
    """The record of an output."""
    return Path(f"{output}{ENDING}")


def check_record(output: str | Path) -> None:
    """Raise an error if the record of `output` would replace a file of the user's."""
    place = record_path(output)
    if str(output) == "-" or not place.exists():
        return
    try:
        read_record(output)
    except (DataError, IncompatibleError, ConfigError):
        raise ConfigError(
            f"Expected nothing or the record of {output} at {place}, found another file. Rename it."
        ) from None


@contextmanager
def recorded(output: str, made: Ingredients, written: Callable[[], Written]) -> Iterator[None]:
    """Write the record of an output that the block writes, also if Ctrl-C ends it; none on standard output.

    written: is called after the block. An output that is gone has no record.
    """
    try:
        yield
    except KeyboardInterrupt:
        write_record(output, made, written())
        raise
    write_record(output, made, written())


def write_record(output: str, made: Ingredients, rows: Written) -> None:
    """Write the record of an output; none on standard output, or if the output is gone."""
    if output == "-":
        return
    if not Path(output).exists():
        record_path(output).unlink(missing_ok=True)
        return
    settings = portable(made.settings, Path(output).parent)
    draws = None if rows.draws is None else rows.draws.text
    record = OutputRecord(
        format_version=FORMAT_VERSION,
        verb=made.verb,
        domain=made.domain,
        seed=settings["seed"],
        device=made.device,
        settings=settings,
        models={name: dict(parts) for name, parts in made.models.items()},
        inputs=dict(made.inputs),
        versions=dict(made.versions),
        sha256={"output": sha256_of(output), "settings": text_sha256(settings), "draws": text_sha256(draws)},
        rows=rows.rows,
        draws=draws,
        left_out=rows.left_out.text,
        quality_by_draws=dict(rows.quality),
    )
    with atomic_write(record_path(output)) as file:
        file.write(json.dumps(record.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n")


def text_sha256(value: object) -> str:
    """sha256 of plain data."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def read_record(output: str | Path) -> OutputRecord:
    """The record of an output.

    Raises
    ------
    DataError
        If there is none.
    IncompatibleError
        For one of a newer format, or a file that is no record.
    """
    place = record_path(output)
    if not place.is_file():
        raise DataError(
            f"Expected the record of {output} at {place}, found {found_at(place)}. `generate` and `optimize` write it "
            "beside their output from version 0.3.0 on: keep both together, or make the output again."
        )
    check_regular(place, "the record")
    try:
        if place.stat().st_size > LARGEST:
            raise ValueError(f"it has more than {LARGEST:,} bytes")
        found = json.loads(place.read_text(encoding="utf-8"))
        canonical_json(found).encode()  # JSON can hold halves of characters, which no text has
        check_format(found.get("format_version") if isinstance(found, dict) else None, str(place))
        record = build_settings(OutputRecord, found, str(place))
        left_out = len(NumberRanges.parse(record.left_out))
        if record.draws is not None and len(NumberRanges.parse(record.draws)) - left_out != record.rows:
            raise ValueError(f"the draws of other than {record.rows} rows")
    except (ValueError, RecursionError, ConfigError) as error:
        raise IncompatibleError(
            f"Expected the record of {output} in {place} as sciencegen wrote it, found something else: {error}. "
            "Make the output again."
        ) from None
    return record
