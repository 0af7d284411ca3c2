"""A chunk is restored from its bytes, and the models of its planes from JSON."""

from __future__ import annotations

import json

import numpy as np

from sciencegen.compression.images import plane_coding, planned, read_chunk, taken, tilings, write_chunk

STACK = np.rint(np.random.default_rng(0).normal(0, 9, (12, 3, 16, 16))).astype(np.int16)


def test_chunk_comes_back_by_stored_models() -> None:
    (tiles,) = tilings(16, 16)
    plan = planned(STACK, None)
    block = taken(STACK, tiles, 0, len(STACK))
    stored = [json.loads(json.dumps(one.to_json(plane))) for plane, one in enumerate(plan.codings)]
    codings = [plane_coding(one, plane) for plane, one in enumerate(stored)]
    content = write_chunk(block, list(plan.codings), plan.centred)
    assert np.array_equal(read_chunk(content, block.shape, STACK.dtype, codings, plan.centred), block)
    assert len(content) < STACK.nbytes / 2
