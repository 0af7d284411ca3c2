"""The provenance of a campaign's page."""

from __future__ import annotations

from sciencegen import __version__
from sciencegen.api.campaign.contents import Campaign
from sciencegen.report.content import Provenance
from sciencegen.runs import provenance, sha256_of


def campaign_provenance(campaign: Campaign) -> Provenance:
    """The command, versions and the journal's hash."""
    made, settings = provenance([], 0), campaign.settings
    options = f" --wild-type {settings.wild_type}" if settings.wild_type else ""
    options += f" --target {settings.target}" if settings.target not in ("", "value") else ""
    options += " --minimize" if settings.minimize else ""
    return Provenance(
        commands=[f"sciencegen report {campaign.path} --domain {settings.domain}{options}"],
        versions={"sciencegen": __version__, "python": made["python"], **made["libraries"]},
        hashes={campaign.path.name: sha256_of(campaign.path)},
    )
