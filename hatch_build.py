"""The README of the package on PyPI, where paths of the repository lead nowhere."""

from __future__ import annotations

import re
from pathlib import Path

from hatchling.metadata.plugin.interface import MetadataHookInterface

LINK = re.compile(r"(!?\[[^\]]*\]\()(?![a-z]+:|#)([^)]+\))")


class ReadmeHook(MetadataHookInterface):
    """`readme` with addresses in place of paths."""

    PLUGIN_NAME = "custom"

    def update(self, metadata: dict[str, object]) -> None:
        """Add the field."""
        urls = metadata["urls"]
        assert isinstance(urls, dict)
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": with_addresses(text, urls["Repository"])}


def with_addresses(text: str, repository: str) -> str:
    """The text with links to pages of the repository, and pictures as they are served from there."""

    def address(found: re.Match[str]) -> str:
        kind = "raw" if found[1].startswith("!") else "blob"
        return f"{found[1]}{repository}/{kind}/main/{found[2]}"

    return LINK.sub(address, text)
