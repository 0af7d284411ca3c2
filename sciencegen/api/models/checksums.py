"""Checksums of a model's settings, representation and weights in its `config.yaml`: changed ones are not loaded."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from sciencegen.errors import IncompatibleError
from sciencegen.runs import RunFolder, canonical_json, sha256_of

KEY = "sha256"
SETTINGS = "settings"


def settings_sha256(config: Mapping[str, Any]) -> str:
    """The checksum of the network's settings, on whose sizes the time to build it depends."""
    return hashlib.sha256(canonical_json([config.get("recipe"), config.get(SETTINGS)]).encode()).hexdigest()


def with_checksums(config: Mapping[str, Any], files: Mapping[str, str]) -> dict[str, Any]:
    """The config with checksums. files: those of the folder's files by name."""
    return {**config, KEY: {SETTINGS: settings_sha256(config), **files}}


def check_file(run: RunFolder, config: Mapping[str, Any], name: str) -> None:
    """Raise an error if a file of the folder, or the settings, differ from their checksum, if there is one."""
    known = config.get(KEY)
    if known is None:  # earlier versions wrote none
        return
    wanted = known.get(name) if isinstance(known, dict) else None
    found = settings_sha256(config) if name == SETTINGS else sha256_of(run / name)
    if wanted != found:
        what = f"the {SETTINGS}" if name == SETTINGS else name
        raise IncompatibleError(
            f"Expected {what} of the model in {run.path} as saved (sha256 {wanted}), found another ({found}). "
            "It was changed or damaged: copy the folder again, or train the model again."
        )


UNCHECKED = (
    "The model in {folder} has no checksums, since an earlier version wrote it: damage of its weights can't be seen. "
    "`sciencegen train` writes them."
)
