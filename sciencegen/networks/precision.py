"""Which number formats a device computes fast with."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import torch

CPU_FLAGS = Path("/proc/cpuinfo")
BFLOAT16_CAPABILITY = (8, 0)
"""Of GPUs; earlier ones emulate it (CUDA C++ Programming Guide, "Compute Capabilities")."""


def has_fast_bfloat16(device: torch.device) -> bool:
    """Whether matrix products in bfloat16 are faster than in float32: GPUs, and processors with AVX512-BF16.

    Others only emulate them. Processors are told apart on Linux alone; elsewhere the answer is no.
    """
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= BFLOAT16_CAPABILITY
    return device.type == "cpu" and _has_flag("avx512_bf16") and _gets_all_threads()


def _gets_all_threads() -> bool:
    """Whether OpenMP gives as many threads as torch asks for. With fewer, oneDNN returns products in bfloat16 of which
    parts were not computed."""
    limit, threads = os.environ.get("OMP_THREAD_LIMIT", "").strip(), torch.get_num_threads()
    is_dynamic = os.environ.get("OMP_DYNAMIC", "").strip().lower() == "true"
    return threads == 1 or not (is_dynamic or (limit.isdigit() and int(limit) < threads))


@cache
def _has_flag(name: str) -> bool:
    """Whether Linux names this feature of the processor."""
    return CPU_FLAGS.is_file() and name in CPU_FLAGS.read_text().split()
