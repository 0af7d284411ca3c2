"""The record beside an output (`hits.csv.provenance.json`): what made its rows, so that `replay` can do it again."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import Field

from sciencegen.api.models.completion import Completer
from sciencegen.api.models.folder import (
    WEIGHTS,
    LoadedModel,
    describe_model,
    find_model,
    pretrained_root,
    referred_to,
    shipped_names,
)
from sciencegen.api.models.identity import data_of
from sciencegen.api.predictors.folder import find_predictor
from sciencegen.config import Resources, Settings, build_settings, flat
from sciencegen.data.number_ranges import NumberRanges
from sciencegen.data.prepared import SUMMARY
from sciencegen.errors import ConfigError, DataError, IncompatibleError
from sciencegen.files import atomic_write, check_regular, found_at, sha256_of
from sciencegen.items import Json, Origin
from sciencegen.runs import FORMAT_VERSION, LIBRARIES, canonical_json, check_format, library_versions

# What the rows of an output depend on: settings, models, files, software and the computer.

MODELS = ("model", "complete")
"""Settings that name a model."""
FILES = ("scaffold", "keep_free", "blocks", "vary", "training", "start")
"""Settings that name files, or items."""
NOT_RECORDED = frozenset({"threads", "batch_size", "cache", "device"})
"""Settings on which results don't depend. The device that was used is recorded by itself."""
FURTHER = ("scipy", "pandas", "galsim", "astropy", "photutils", "biopython", "h5py")
"""Libraries that rows depend on, beside those of `runs`."""
_PLACE = re.compile(r"(?P<path>.+?)(?P<number>\[\d+\]|:[^:.\s/\\]{1,8})?", re.DOTALL)
"""A path, with the number of an item or the name of a chain behind it."""


@dataclass(frozen=True)
class Ingredients:
    """What rows depend on; take it before the computation, during which files may change.

    verb, domain, device: as they were used. settings: of the verb, with absolute paths. models: sha256 of the parts
    of each model; inputs: sha256 of each file or folder; both by the setting that names it. versions: of software, and
    what the computer is.
    """

    verb: str
    domain: str
    device: str
    settings: Json
    models: Mapping[str, Mapping[str, str]]
    inputs: Mapping[str, str]
    versions: Mapping[str, str]

    @contextmanager
    def recorded(self, output: str, written: Callable[[], Written]) -> Iterator[None]:
        """Write the record of an output that the block writes, also if Ctrl-C ends it; none on standard output.

        written: is called after the block. An output that is gone has no record.
        """
        try:
            yield
        except KeyboardInterrupt:
            self.write(output, written())
            raise
        self.write(output, written())

    def write(self, output: str, rows: Written) -> None:
        """Write the record of an output; none on standard output, or if the output is gone."""
        if output == "-":
            return
        if not Path(output).exists():
            record_path(output).unlink(missing_ok=True)
            return
        settings = portable(self.settings, Path(output).parent)
        draws = None if rows.draws is None else rows.draws.text
        record = OutputRecord(
            format_version=FORMAT_VERSION,
            verb=self.verb,
            domain=self.domain,
            seed=settings["seed"],
            device=self.device,
            settings=settings,
            models={name: dict(parts) for name, parts in self.models.items()},
            inputs=dict(self.inputs),
            versions=dict(self.versions),
            sha256={"output": sha256_of(output), "settings": text_sha256(settings), "draws": text_sha256(draws)},
            rows=rows.rows,
            draws=draws,
            left_out=rows.left_out.text,
            quality_by_draws=dict(rows.quality),
        )
        with atomic_write(record_path(output)) as file:
            file.write(json.dumps(record.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n")


def ingredients_of(
    verb: str, domain: str, settings: Resources, model: LoadedModel, complete: Completer | None = None
) -> Ingredients:
    """The ingredients of a verb's rows."""
    plain = {name: value for name, value in flat(settings).items() if name not in NOT_RECORDED}
    models = {"model": model.sha256} | ({} if complete is None else {"complete": complete.model.sha256})
    inputs = file_checksums(domain, plain)
    return Ingredients(verb, domain, model.device, _absolute(plain, domain), models, inputs, versions_here())


def versions_here() -> dict[str, str]:
    """Versions of sciencegen, Python and libraries, and the computer's kind, with the instructions that torch uses."""
    import torch

    computer = f"{platform.system()} {platform.machine()}"
    return {
        **library_versions(["sciencegen"]),
        "python": platform.python_version(),
        "platform": computer,
        "processor": torch.backends.cpu.get_cpu_capability(),
        **library_versions([*LIBRARIES, *FURTHER]),
    }


def model_checksums(domain: str, settings: Json) -> dict[str, dict[str, str]]:
    """sha256 of a model's settings, representation and weights, for each model that is used."""
    found = describe_model(domain, settings["model"])
    models = {"model": found}
    if completing := settings.get("complete") or found.config.get("complete"):
        models["complete"] = describe_model(domain, completing)
    return {name: {**one.sha256, WEIGHTS: sha256_of(one.run / WEIGHTS)} for name, one in models.items()}


def file_checksums(domain: str, settings: Json) -> dict[str, str]:
    """sha256 of each file and folder that settings name, if it exists; of a search without known items of the user's,
    also of the data that the model learned from, if they are here."""
    found = {name: sha256_of(path) for name, path in _places(settings)}
    if "training" in settings and settings["training"] is None:
        data = data_of(find_model(domain, settings["model"]))
        found |= {} if data is None else {"training": sha256_of(Path(data) / SUMMARY)}
    return found


def _places(settings: Json) -> Iterator[tuple[str, Path]]:
    """(setting, file or folder) of those that exist."""
    for name in FILES:
        given = settings.get(name)
        texts = {name: given} if isinstance(given, str) else {f"{name} {at}": one for at, one in enumerate(given or ())}
        for key, text in texts.items():
            if (path := _path_in(text)) is not None:
                yield key, path
    for name, folder in (settings.get("predictors") or {}).items():
        try:
            yield f"predictor {name}", find_predictor(folder)
        except DataError:
            continue


def _path_in(text: str, folder: Path = Path()) -> Path | None:
    """The file or folder that a text names (`designs.pdb[3]`, `1abc.pdb:A`), or None."""
    match = _PLACE.fullmatch(text)
    try:
        return folder / match["path"] if match is not None and (folder / match["path"]).exists() else None
    except (OSError, ValueError):  # too long, or with a NUL
        return None


def _absolute(settings: Json, domain: str) -> Json:
    """The settings with absolute paths, so that they hold whatever the working folder becomes."""

    def of_model(model: str) -> str:
        place = find_model(domain, model).resolve()
        return model if place.parent == pretrained_root() else str(place)

    return _replaced(settings, lambda text: _moved(text, Path.resolve), of_model)


def portable(settings: Json, folder: Path) -> Json:
    """The settings for a file in `folder`: paths are relative to it, so that both can be moved together."""

    def relative(path: Path) -> Path:
        return Path(os.path.relpath(path, folder.resolve()))

    return _replaced(
        settings,
        lambda text: _moved(text, relative),
        lambda model: str(relative(Path(model))) if Path(model).is_absolute() else model,
    )


def _moved(text: str, change: Callable[[Path], Path]) -> str:
    """The text with another path, if it names a file or folder that exists."""
    path, match = _path_in(text), _PLACE.fullmatch(text)
    return text if path is None or match is None else f"{change(path)}{match['number'] or ''}"


def located(settings: Json, folder: Path) -> Json:
    """The inverse of `portable`. Paths that aren't there are kept."""

    def there(text: str) -> str:
        path, match = _path_in(text, folder), _PLACE.fullmatch(text)
        return text if path is None or match is None else f"{path}{match['number'] or ''}"

    return _replaced(settings, there, lambda model: referred_to(model, folder) or model)


def _replaced(settings: Json, of_file: Callable[[str], str], of_model: Callable[[str], str]) -> Json:
    """Settings with other names of files and models."""
    changed = dict(settings)
    for name in MODELS:
        if isinstance(given := settings.get(name), str):
            changed[name] = of_model(given)
    for name in FILES:
        if isinstance(given := settings.get(name), str):
            changed[name] = of_file(given)
        elif given:
            changed[name] = [of_file(one) for one in given]
    if settings.get("predictors"):
        changed["predictors"] = {name: of_file(folder) for name, folder in settings["predictors"].items()}
    return changed


# The record: its file, written and read.

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


# Provenance of items, for file formats that can hold it.

LONGEST = 200
"""Maximum length of a criterion in the provenance, since an item's text may be long."""

_ITEM_OF_FILE = re.compile(r"(?P<path>.+?)(\[\d+\])?")


@dataclass(frozen=True)
class Criteria:
    """The user's criteria as text: goals and conditions, patterns to keep and to forbid. start: items to start from,
    which may be among the results."""

    texts: Sequence[str] = ()
    keep: Sequence[str] = ()
    forbid: Sequence[str] = ()
    start: Sequence[str] = ()

    @property
    def words(self) -> tuple[str, ...]:
        patterns = (*(f"keep {one}" for one in self.keep), *(f"forbid {one}" for one in self.forbid))
        words = (*self.texts, *patterns, *(f"from {plain_path(one)}" for one in self.start))
        return tuple(map(_short, words))


def origin_of(verb: str, model: LoadedModel, criteria: Criteria, seed: int | None = None) -> Origin:
    """Provenance of items from a model: the name of a shipped one, even if it was copied, else the last two parts of
    its folder's path."""
    folder, digest = model.folder.resolve(), model.sha256[WEIGHTS]
    shipped = (name for name in shipped_names() if sha256_of(pretrained_root() / name / WEIGHTS) == digest)
    own = folder.parent == pretrained_root()
    name = folder.name if own else next(shipped, "/".join(folder.parts[-2:]))
    return Origin(verb, name, digest, seed, criteria.words, made=not criteria.start)


def origin_of_given(verb: str, asked: Iterable[str], *, seed: int | None = None) -> Origin:
    """Provenance of items some of which may be the user's."""
    return Origin(verb, "", "", seed, tuple(map(_short, asked)), made=False)


def plain_path(text: str) -> str:
    """A file's name without its folders, which may be private; other texts are unchanged."""
    match = _ITEM_OF_FILE.fullmatch(text) if len(text) < LONGEST else None
    found = match is not None and Path(match["path"]).exists()
    return Path(text).name if found else text


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
