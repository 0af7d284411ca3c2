"""Dataset cards: what a set is, where it comes from, its checksums, licence, columns with units, and its sample."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from sciencegen.data.tables import Row
from sciencegen.errors import ConfigError, DataError, unknown_name

CARD_FORMAT = 1
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
ReadRows = Callable[[Path, "str | None"], Iterator[Row]]
"""A domain's `read`: a file and the name of the item's column to rows."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Column(_Strict):
    """A column of numbers. `source` is its name in the set's own files, where it isn't `name`."""

    name: str
    unit: str
    description: str = ""
    source: str | None = None


class SourceFile(_Strict):
    """One file of a source. path: of the member in an archive, or the URL. bytes, sha256: of the content, gunzipped."""

    path: str
    bytes: int = Field(gt=0)
    sha256: Sha256


class PypiSource(_Strict):
    """Files inside a distribution on the Python package index; it is read, never installed or imported."""

    kind: Literal["pypi"]
    project: str
    filename: str
    sha256: Sha256
    files: dict[str, SourceFile]


class ArchiveSource(_Strict):
    """Files inside a .zip or .tar(.gz) at a URL (https:, file:)."""

    kind: Literal["archive"]
    url: str
    sha256: Sha256
    files: dict[str, SourceFile]


class FilesSource(_Strict):
    """Files that each have a URL (https:, file:), perhaps gzipped there."""

    kind: Literal["files"]
    files: dict[str, SourceFile]


Source = Annotated[PypiSource | ArchiveSource | FilesSource, Field(discriminator="kind")]


class CardFile(_Strict):
    """A file of the set as it stands in the cache. item_column: None for formats without columns."""

    name: str
    item_column: str | None = None
    rows: int = Field(gt=0)


class Sample(_Strict):
    """A committed part of a split beside the card, with the columns `item` and those of the card."""

    name: str
    rows: int = Field(gt=0)
    sha256: Sha256


class Card(_Strict):
    """datasets/<domain>/<name>/card.yaml. Files and samples go by split; the first split is for training."""

    format: int
    name: str
    domain: str
    title: str
    description: str
    home: str
    licence: str
    citation: str
    columns: list[Column] = []
    files: dict[str, CardFile]
    samples: dict[str, Sample] = {}
    sources: list[Source] = Field(min_length=1)
    folder: Path = Field(exclude=True)
    """Where the card lies; not written in it."""

    @field_validator("format")
    @classmethod
    def _known_format(cls, value: int) -> int:
        if value != CARD_FORMAT:
            raise ValueError(f"expected {CARD_FORMAT}, got {value}: the card was made for another sciencegen")
        return value

    @model_validator(mode="after")
    def _agree(self) -> Card:
        """Every source holds every file, and file names are names, not paths."""
        for source in self.sources:
            if set(source.files) != set(self.files):
                raise ValueError(
                    f"expected a {source.kind} source with files {sorted(self.files)}, got {sorted(source.files)}"
                )
        for name in [*(file.name for file in self.files.values()), *(sample.name for sample in self.samples.values())]:
            if Path(name).name != name or name in ("", ".", ".."):
                raise ValueError(f"expected a file name without folders, got '{name}'")
        return self

    @property
    def splits(self) -> tuple[str, ...]:
        return tuple(self.files)

    @property
    def full_name(self) -> str:
        return f"{self.domain}/{self.name}"

    def sample_path(self, split: str | None = None) -> Path:
        """The committed sample of a split (default: the first)."""
        split = split or next(iter(self.samples), "train")
        if split not in self.samples:
            raise unknown_name(f"sample of {self.full_name}", split, self.samples)
        return self.folder / self.samples[split].name

    def sample_rows(self, read: ReadRows) -> dict[str, Iterator[Row]]:
        """The sample's rows by split; `read` is the domain's."""
        return {split: read(self.folder / sample.name, "item") for split, sample in self.samples.items()}

    def rows(self, read: ReadRows, folder: Path) -> dict[str, Iterator[Row]]:
        """All rows by split from a fetched folder, columns renamed as the card says."""
        renames = {column.source or column.name: column.name for column in self.columns}
        return {
            split: _renamed(read(folder / file.name, file.item_column), renames) for split, file in self.files.items()
        }


def _renamed(rows: Iterator[Row], names: Mapping[str, str]) -> Iterator[Row]:
    for row in rows:
        yield replace(row, values={names[name]: value for name, value in row.values.items() if name in names})


def _shared(name: str) -> Path:
    """A folder of the checkout, else the copy inside the installed package."""
    package = Path(__file__).resolve().parents[1]
    checkout = package.parent / name
    if checkout.is_dir() and (package.parent / "pyproject.toml").is_file():
        return checkout
    installed = package / "_shared" / name
    if installed.is_dir():
        return installed
    raise DataError(
        f"Expected the folder '{name}' in {package.parent} or {installed.parent}, found none. Reinstall sciencegen."
    )


def dataset_root() -> Path:
    """The cards and samples that come with sciencegen."""
    return _shared("datasets")


def workflow_root() -> Path:
    """The Snakemake workflow that comes with sciencegen."""
    return _shared("workflows")


def _roots() -> list[Path]:
    """Where cards lie: the folders in $SCIENCEGEN_DATASETS (domain/name/card.yaml in each), then our own."""
    own = [Path(entry) for entry in os.environ.get("SCIENCEGEN_DATASETS", "").split(os.pathsep) if entry]
    return [*own, dataset_root()]


def _card_paths() -> dict[str, Path]:
    found: dict[str, Path] = {}
    for root in _roots():
        for path in sorted(root.glob("*/*/card.yaml")):
            found.setdefault(f"{path.parent.parent.name}/{path.parent.name}", path)
    return found


def list_cards(domain: str | None = None) -> list[Card]:
    """Every card, by domain and name."""
    return [
        read_card(path)
        for name, path in sorted(_card_paths().items())
        if domain is None or name.split("/")[0] == domain
    ]


def load_card(name: str | Path) -> Card:
    """The card called `name` or `domain/name`, or the one at a path to a card.yaml or its folder."""
    path = Path(name)
    if path.name == "card.yaml" or (path / "card.yaml").is_file():
        return read_card(path if path.name == "card.yaml" else path / "card.yaml")
    paths = _card_paths()
    matches = [full for full in paths if str(name) in (full, full.split("/")[1])]
    if len(matches) > 1:
        raise ConfigError(f"Expected one dataset called '{name}', found {', '.join(matches)}. Write the domain too.")
    if not matches:
        raise unknown_name("dataset", str(name), {*paths, *(full.split("/")[1] for full in paths)})
    return read_card(paths[matches[0]])


def read_card(path: Path) -> Card:
    """Read and check one card.yaml."""
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"Expected a dataset card at {path}, found nothing.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"Expected YAML in {path}, found something else: {error}.") from error
    if not isinstance(content, dict) or "folder" in content:
        raise ConfigError(f"Expected the keys of a dataset card in {path}, found {str(content)[:80]}.")
    try:
        return Card(**content, folder=path.parent)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise ConfigError(f"Expected a valid dataset card in {path}, found {problems}.") from error
