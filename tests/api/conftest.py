"""The command line, a folder for each test, and the files of a toy training."""

from tests.cli.conftest import _elsewhere, cli, family_model, galaxy_model, workspace  # noqa: F401
from tests.domains.proteins.backbones.random_weights import no_weights, random_weights  # noqa: F401
