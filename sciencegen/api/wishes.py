"""What may not be wished for: names that a domain keeps out of goals and conditions, each with the reason
(`Domain.not_goals`)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from sciencegen.errors import ConfigError
from sciencegen.optimization.goals import Goal


def check_wishes(domain: Any, goals: Iterable[Goal]) -> None:
    """Every verb that designs reads its goals or conditions past here, whatever oracle a name would mean."""
    refused = {_plain(name): reason for name, reason in getattr(domain, "not_goals", {}).items()}
    for goal in goals:
        name = goal.name.partition(":")[0]
        if _plain(name) in refused:
            raise ConfigError(f"'{goal.name}' can't be a goal or a condition: {refused[_plain(name)]}.")


def _plain(name: str) -> str:
    """A name however it is written: `Immune-Escape` is `immune_escape`."""
    return re.sub(r"[^a-z0-9]", "", name.casefold())
