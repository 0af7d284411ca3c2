"""Setting names in messages as the flags of the command line."""

from __future__ import annotations

import re

OTHER_FLAGS = {
    "output": "-o",
    "controls": "--control",
    "conditions": "--condition",
    "column": "--item-column",
    "predictors": "--predictor",
    "rows": "--row",
    "settings": "--set",
    "goals": "--goal",
    "novel: false": "--allow-known",
    "plausible: false": "--allow-implausible",
    "edge_wells": "--no-edge-wells",
}
"""Settings whose flag has another name."""
SAME_NAME = frozenset({
    "acquisition", "against", "alignment", "all", "allow", "allow_implausible", "allow_known", "along", "also",
    "attempts", "bands", "batch", "batch_size", "best_of", "blocks", "browser", "budget", "cache", "calibrate",
    "calls", "color_by", "colour_by", "columns", "command", "complete", "condition", "conditions",
    "config", "contigs", "control", "control_copies", "control_wells", "core", "cost", "cost_limit", "data",
    "details", "device", "devices", "distill", "diversity", "domain", "draws", "export", "extension", "fill",
    "first_pixel", "fold", "folder", "forbid", "force", "form", "format", "from", "goal", "guidance", "hit",
    "include", "install_completion", "item_column", "jobs", "journal", "json", "keep", "keep_positions",
    "keep_samples", "limit", "maximum_share", "maximum_similarity", "maximum_steps", "measured", "method",
    "minimize", "model", "neighbours", "no_edge_wells", "nodes", "noise", "noise_free", "noise_level",
    "noise_scale", "offline", "openapi", "optimizer", "oracle", "order", "order_sheet", "partial", "particles",
    "picklist", "pixel_scale", "plate", "pool", "port", "predictor", "prior", "prior_target", "profile",
    "projection", "psf", "psf_fwhm", "quantize", "raw", "recipe", "repeats", "replicates", "results",
    "round", "rounds", "row", "run_programs", "sample", "sampler", "samples", "scaffold", "schedule", "schema",
    "seconds", "seed", "seeds", "segments", "set", "settings", "sharing", "sheet", "show_completion", "side", "sky",
    "space", "split", "start", "steer", "step_noise", "steps", "stocks", "strategy", "structure", "structures",
    "surrogate", "symmetry", "target", "tasks", "temperature", "threads", "threshold", "timeout", "tools",
    "training", "transfer_volume", "tries", "variance", "variants", "vary", "wait", "where", "wild_type", "with",
    "withdraw",
})  # fmt: skip
"""Settings whose flag is the name with dashes."""


def in_flags(message: str) -> str:
    """Replace names of settings in a message (`wild_type`) by flags (--wild-type); other words stay.

    Examples
    --------
    >>> from sciencegen.cli.flags import in_flags
    >>> in_flags("Pass `wild_type`, or `predictors` NAME=FOLDER.")
    'Pass --wild-type, or --predictor NAME=FOLDER.'
    """
    return re.sub(r"`([a-z][a-z_]*(?:: false)?)`", lambda found: _flag(found[1]) or found[0], message)


def in_keys(message: str) -> str:
    """Replace names of settings in a message by the parameters of requests, which are called like the flags.

    Examples
    --------
    >>> in_keys("Pass `wild_type`, or `column` with the name of the items' column.")
    "Pass `wild_type`, or `item_column` with the name of the items' column."
    """
    return re.sub(r"`([a-z][a-z_]*(?:: false)?)`", lambda found: f"`{_key(found[1])}`", message)


def _key(name: str) -> str:
    return _flag(name).lstrip("-").replace("-", "_") if len(_flag(name)) > 2 else name


def _flag(name: str) -> str:
    """The flag of a setting, "" where there is none."""
    return OTHER_FLAGS.get(name) or (f"--{name.replace('_', '-')}" if name in SAME_NAME else "")
