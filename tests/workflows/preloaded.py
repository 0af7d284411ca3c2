"""What Snakemake imports and looks up in every run, once for all processes that are forked from this one."""

import jsonschema  # noqa: F401
import snakemake.report.html_reporter  # noqa: F401
import yaml
from snakemake.cli import get_argument_parser

get_argument_parser()  # finds the plugins
yaml.FullLoader = getattr(yaml, "CFullLoader", yaml.FullLoader)  # of the schema: a third of a dry run
