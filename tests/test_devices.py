"""Fast formats are those that the processor names."""

import pytest
import torch

from sciencegen import devices


@pytest.fixture(autouse=True)
def fresh():
    devices._has_flag.cache_clear()
    yield
    devices._has_flag.cache_clear()


@pytest.mark.parametrize(
    ("flags", "fast"), [("flags : sse avx512_bf16 amx_tile", True), ("flags : sse avx512_bf16x", False), (None, False)]
)
def test_a_processor_with_the_instructions(tmp_path, monkeypatch, flags, fast):
    path = tmp_path / "cpuinfo"
    if flags:
        path.write_text(flags)
    monkeypatch.setattr(devices, "CPU_FLAGS", path)
    monkeypatch.delenv("OMP_DYNAMIC", raising=False)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    assert devices.has_fast_bfloat16(torch.device("cpu")) == fast


@pytest.mark.parametrize(
    ("threads", "name", "value", "right"),
    [
        (1, "OMP_THREAD_LIMIT", "1", True),
        (2, "OMP_THREAD_LIMIT", "1", False),
        (2, "OMP_THREAD_LIMIT", "2", True),
        (2, "OMP_DYNAMIC", "TRUE", False),
        (2, "OMP_DYNAMIC", "false", True),
    ],
)
def test_a_processor_that_withholds_threads_is_not_asked(monkeypatch, tmp_path, threads, name, value, right):
    path = tmp_path / "cpuinfo"
    path.write_text("avx512_bf16")
    monkeypatch.setattr(devices, "CPU_FLAGS", path)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    for one in ("OMP_THREAD_LIMIT", "OMP_DYNAMIC"):
        monkeypatch.delenv(one, raising=False)
    monkeypatch.setenv(name, value)
    assert devices.has_fast_bfloat16(torch.device("cpu")) == right


@pytest.mark.parametrize(("capability", "fast"), [((7, 5), False), ((8, 0), True), ((9, 0), True)])
def test_a_gpu_of_this_capability(monkeypatch, capability, fast):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert devices.has_fast_bfloat16(torch.device("cuda")) == fast


def test_other_devices_are_not_known():
    assert not devices.has_fast_bfloat16(torch.device("meta"))
