"""Which ingredients of an output differ from those that are here now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sciencegen.api.models.folder import find_model, resolve_device
from sciencegen.api.writing.ingredients import file_checksums, located, model_checksums, versions_here
from sciencegen.api.writing.output_record import OutputRecord, record_path, text_sha256
from sciencegen.config import Settings, build_settings
from sciencegen.errors import ConfigError, IncompatibleError
from sciencegen.files import sha256_of
from sciencegen.items import Json

NOTHING = "nothing"
COMPUTER = ("platform", "processor")
"""Facts of `versions_here` that can't be installed."""


@dataclass(frozen=True)
class Difference:
    """An ingredient that differs.

    ingredient: such as "numpy". expected: what the record has; found: what is here. remedy: a sentence. prevents:
    whether rows can't be made again with it.
    """

    ingredient: str
    expected: str
    found: str
    remedy: str
    prevents: bool = False

    def __str__(self) -> str:
        return f"{self.ingredient}: expected {self.expected}, found {self.found}. {self.remedy}"


def differences(record: OutputRecord, output: Path, kind: type[Settings]) -> list[Difference]:
    """All differences of an output's ingredients. kind: of the settings of its verb."""
    found = [*_of_settings(record, output, kind), *_of_versions(record, output), *_of_output(record, output)]
    if any(one.prevents for one in found):  # the settings say which models and files there are
        return found
    settings = located(record.settings, output.parent)
    return [*_of_models(record, settings), *_of_files(record, settings), *_of_device(record), *found]


def _of_settings(record: OutputRecord, output: Path, kind: type[Settings]) -> Iterator[Difference]:
    place = record_path(output)
    remedy = f"{place} was edited after {output.name} was written: restore it."
    if record.seed != record.settings.get("seed"):
        yield Difference("seed", str(record.seed), str(record.settings.get("seed")), remedy, True)
    for name, value in (("settings", record.settings), ("draws", record.draws)):
        expected, found = record.sha256.get(name, NOTHING), text_sha256(value)
        if expected != found and (name != "settings" or record.seed == record.settings.get("seed")):
            yield Difference(name, _short(expected), _short(found), remedy, True)
    try:
        build_settings(kind, record.settings)
    except ConfigError as error:
        remedy = f"sciencegen {record.versions.get('sciencegen', '')} wrote {output.name}: replay it with that version."
        yield Difference("settings", f"those of {record.verb}", str(error), remedy, True)


def _of_models(record: OutputRecord, settings: Json) -> Iterator[Difference]:
    try:
        here = model_checksums(record.domain, settings)
        folder = str(find_model(record.domain, settings.get("model")))
    except (ConfigError, IncompatibleError, OSError) as error:
        yield Difference("model", "the model that made the rows", str(error), "Put it back where it was.", True)
        return
    for name, parts in record.models.items():
        where = folder if name == "model" else str(settings.get(name) or f"that completes items of {folder}")
        for part, expected in parts.items():
            found = here.get(name, {}).get(part, NOTHING)
            if found != expected:
                remedy = f"The model in {where} was changed or trained again: restore it, or make the output again."
                yield Difference(f"{part} of the {name}", _short(expected), _short(found), remedy, True)


def _of_files(record: OutputRecord, settings: Json) -> Iterator[Difference]:
    here = file_checksums(record.domain, settings)
    for name in sorted({*record.inputs, *here}):
        expected, found = record.inputs.get(name, NOTHING), here.get(name, NOTHING)
        if found != expected:
            given = settings.get("predictors", {}).get(name.removeprefix("predictor ")) or settings.get(name) or name
            missing = found == NOTHING
            remedy = f"{given} is missing: put it back." if missing else f"{given} was changed: restore it."
            yield Difference(f"file of `{name}`", _short(expected), _short(found), remedy, True)


def _of_device(record: OutputRecord) -> Iterator[Difference]:
    try:
        resolve_device(record.device)
    except ConfigError:
        remedy = f"Rows round differently on other devices: replay them on a computer with {record.device}."
        yield Difference("device", record.device, "no such device", remedy, True)


def _of_versions(record: OutputRecord, output: Path) -> Iterator[Difference]:
    here = versions_here()
    for name, expected in record.versions.items():
        found = here.get(name, NOTHING)
        if found == expected:
            continue
        if name in COMPUTER:
            remedy = f"Rounding may differ between computers: replay {output.name} on one such as wrote it."
        elif name == "python":
            remedy = f"Python {expected} wrote {output.name}: use an environment with it."
        else:
            remedy = f"{name} {expected} wrote {output.name}: pip install {name}=={expected}"
        yield Difference(name, expected, found, remedy)


def _of_output(record: OutputRecord, output: Path) -> Iterator[Difference]:
    expected, found = record.sha256.get("output", NOTHING), sha256_of(output)
    if found != expected:
        remedy = f"{output.name} was edited or replaced after it was written: rows that were changed or moved differ."
        yield Difference("output", _short(expected), _short(found), remedy)


def _short(digest: str) -> str:
    """A checksum for people."""
    return f"sha256 {digest[:12]}" if digest != NOTHING else NOTHING
