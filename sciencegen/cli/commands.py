"""The commands that work for one request. `main` has these, groups of commands, `run`, and the servers."""

from __future__ import annotations

from collections.abc import Callable

from sciencegen.cli import (
    backtest,
    benchmark,
    compress,
    cutout,
    doctor,
    evaluate,
    generate,
    latent,
    maps,
    optimize,
    predict,
    properties,
    propose,
    replay,
    report,
    restore,
    score,
    sequences,
)

COMMANDS: dict[str, Callable[..., None]] = {
    "generate": generate.generate,
    "encode": latent.encode,
    "decode": latent.decode,
    "interpolate": latent.interpolate,
    "map": maps.map_,
    "explore": maps.explore,
    "score": score.score,
    "predict": predict.predict,
    "restore": restore.restore,
    "sequences": sequences.sequences,
    "optimize": optimize.optimize,
    "propose": propose.propose,
    "record": propose.record,
    "backtest": backtest.backtest,
    "replay": replay.replay,
    "evaluate": evaluate.evaluate,
    "benchmark": benchmark.benchmark,
    "report": report.report,
    "compress": compress.compress,
    "decompress": compress.decompress,
    "cutout": cutout.cutout,
    "properties": properties.properties,
    "doctor": doctor.doctor,
}
