"""Fast formats are those that the processor names."""

import pytest
import torch

from sciencegen.networks import precision


@pytest.fixture(autouse=True)
def fresh():
    precision._has_flag.cache_clear()
    yield
    precision._has_flag.cache_clear()


@pytest.mark.parametrize(
    ("flags", "fast"), [("flags : sse avx512_bf16 amx_tile", True), ("flags : sse avx512_bf16x", False), (None, False)]
)
def test_a_processor_with_the_instructions(tmp_path, monkeypatch, flags, fast):
    path = tmp_path / "cpuinfo"
    if flags:
        path.write_text(flags)
    monkeypatch.setattr(precision, "CPU_FLAGS", path)
    assert precision.has_fast_bfloat16(torch.device("cpu")) == fast


@pytest.mark.parametrize(("capability", "fast"), [((7, 5), False), ((8, 0), True), ((9, 0), True)])
def test_a_gpu_of_this_capability(monkeypatch, capability, fast):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert precision.has_fast_bfloat16(torch.device("cuda")) == fast


def test_other_devices_are_not_known():
    assert not precision.has_fast_bfloat16(torch.device("meta"))
