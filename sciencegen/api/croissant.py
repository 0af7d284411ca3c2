"""Dataset cards as Croissant, the JSON-LD of MLCommons for machine-learning datasets (version 1.0)."""

from __future__ import annotations

from importlib.metadata import metadata
from typing import Any

from sciencegen.data.cards import FIRST_FETCH, ArchiveSource, Card, FilesSource, ListedSource, PypiSource, load_card

TERMS = (
    "citeAs", "column", "equivalentProperty", "extract", "field", "fileObject", "fileProperty", "fileSet", "format",
    "includes", "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path", "recordSet", "references", "regex",
    "repeated", "replace", "samplingRate", "separator", "source", "subField", "transform",
)  # fmt: skip
CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{term: f"cr:{term}" for term in TERMS},
}
"""The context of the standard."""
FORMATS = {
    ".csv": "text/csv", ".csv.gz": "text/csv", ".tsv": "text/tab-separated-values", ".parquet": "application/x-parquet",
    ".json": "application/json", ".zip": "application/zip", ".whl": "application/zip", ".tar": "application/x-tar",
    ".gz": "application/gzip",
}  # fmt: skip
"""Ending of a file -> its media type; the first that fits."""


def croissant(name: str) -> dict[str, Any]:
    """The description of a dataset: its files with checksums, and the columns of its tables with their units.

    Parameters
    ----------
    name : str
        The dataset, as `list_datasets` names it.

    Returns
    -------
    dict
        JSON-LD. Record sets are the committed samples, or the fetched files of a dataset without samples. Files whose
        checksum is that of the first fetch are left out; simulated datasets have their samples alone.
    """
    card = load_card(name)
    addresses = dict(line.split(", ", 1) for line in metadata("sciencegen").get_all("Project-URL") or [])
    folder = f"{addresses['Repository']}/raw/main/datasets/{card.domain}/{card.name}"
    samples = [
        _file(f"sample/{split}", one.name, f"{folder}/{one.name}", one.sha256) for split, one in card.samples.items()
    ]
    own = {column.name: column.name for column in card.columns}
    records = [_records(card, f"sample/{split}", "item", own) for split in card.samples]
    files = _source_files(card)
    if not card.samples:
        own = {column.name: column.source or column.name for column in card.columns}
        there = {one["@id"] for one in files}
        records = [
            _records(card, split, file.item_column, own)
            for split, file in card.files.items()
            if split in there and file.item_column is not None
        ]
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": card.name,
        "alternateName": card.title,
        "description": card.description.strip(),
        "url": card.home,
        "license": card.licence.strip(),
        "citeAs": card.citation.strip(),
        "keywords": [card.domain],
        "version": "1.0.0",
        "distribution": [*samples, *files],
        "recordSet": records,
    }


def _file(name: str, path: str, url: str, sha256: str, inside: str = "") -> dict[str, Any]:
    media = next(
        (kind for ending, kind in FORMATS.items() if path.lower().endswith(ending)), "application/octet-stream"
    )
    found: dict[str, Any] = {"@type": "cr:FileObject", "@id": name, "name": path.rpartition("/")[2], "contentUrl": url}
    found |= {"encodingFormat": media, "sha256": sha256}
    return found | ({"containedIn": {"@id": inside}} if inside else {})


def _source_files(card: Card) -> list[dict[str, Any]]:
    """The files of the first source, within its archive if it is one."""
    source = card.sources[0]
    if isinstance(source, PypiSource | ArchiveSource):
        project = f"https://pypi.org/project/{source.project}/#files" if isinstance(source, PypiSource) else source.url
        path = source.filename if isinstance(source, PypiSource) else source.url
        files = [_file(key, one.path, one.path, one.sha256, "archive") for key, one in source.files.items()]
        return [_file("archive", path, project, source.sha256), *files]
    if isinstance(source, FilesSource):
        known = {key: one for key, one in source.files.items() if one.sha256 != FIRST_FETCH}
        return [_file(key, one.path, one.path, one.sha256) for key, one in known.items()]
    if isinstance(source, ListedSource):
        return [_file(key, one.path, one.path, one.sha256) for key, one in source.files.items()]
    return []


def _records(card: Card, file: str, item: str | None, columns: dict[str, str]) -> dict[str, Any]:
    """The record set of a table. columns: name -> the column in the file."""
    described = {column.name: (column.description, column.unit) for column in card.columns}
    fields = {"item": (item or "item", f"an item of the domain {card.domain}", "sc:Text")}
    for name, source in columns.items():
        text, unit = described[name]
        fields[name] = (source, f"{text} ({unit})" if unit else text or name, "sc:Float")
    return {
        "@type": "cr:RecordSet",
        "@id": f"records/{file}",
        "name": f"records/{file}",
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"records/{file}/{name}",
                "name": name,
                "description": text,
                "dataType": kind,
                "source": {"fileObject": {"@id": file}, "extract": {"column": source}},
            }
            for name, (source, text, kind) in fields.items()
        ],
    }
