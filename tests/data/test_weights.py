"""Files of weights: what is read is what was saved, bit for bit, and zeros take little room."""

import json

import pytest
import torch
from safetensors.torch import load_file, save

from sciencegen.data.weights import read_weights, weights_content
from sciencegen.errors import IncompatibleError


def pruned(*shape, share=0.8, dtype=torch.float32, seed=0):
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(*shape, generator=generator)
    return values.masked_fill(torch.rand(*shape, generator=generator) < share, 0.0).to(dtype)


STATE = {
    "a.weight": pruned(60, 70),
    "a.bias": torch.zeros(60),
    "kernel": pruned(7, 11, 3, 3, share=0.95),
    "half": pruned(50, 50, dtype=torch.bfloat16),
    "dense": pruned(40, 40, share=0.0),
    "none": torch.zeros(1000, 3),
    "count": torch.tensor(7),
    "empty": torch.zeros(0, 4),
    "flags": torch.zeros(5000, dtype=torch.bool),
    "mask.mask": pruned(1001),
    "transposed": pruned(300, 20).T,
    "signed": torch.tensor([0.0, -0.0, float("nan"), float("inf")] * 1000),
}


@pytest.mark.parametrize("sparse", [False, True])
def test_what_is_read_is_what_was_saved(tmp_path, sparse):
    (tmp_path / "weights").write_bytes(weights_content(STATE, sparse))
    found = read_weights(tmp_path / "weights")
    assert found.keys() == STATE.keys()
    for name, value in STATE.items():
        assert (found[name].dtype, found[name].shape) == (value.dtype, value.shape)
        as_saved = [one.contiguous().flatten().view(torch.uint8) for one in (found[name], value) if value.ndim]
        assert not value.ndim or torch.equal(*as_saved), name


def test_a_file_of_an_earlier_version_is_read(tmp_path):
    earlier = save({name: value.contiguous() for name, value in STATE.items()})
    (tmp_path / "weights").write_bytes(earlier)
    assert torch.equal(read_weights(tmp_path / "weights")["kernel"], STATE["kernel"])
    assert weights_content(STATE) == earlier, "without `sparse`, the format is the earlier one"


@pytest.mark.parametrize("share", [0.5, 0.8, 0.95])
def test_stored_bytes_fall(share):
    """To a bit for each number and four bytes for each that is kept."""
    state = {"weight": pruned(200, 300, share=share)}
    dense, sparse = (len(weights_content(state, one)) for one in (False, True))
    assert sparse == pytest.approx((1 - share + 1 / 32) * dense, rel=0.03)


def test_a_tensor_that_would_not_shrink_is_stored_as_it_is(tmp_path):
    (tmp_path / "weights").write_bytes(weights_content({"w": pruned(40, 40, share=0.01), "b": torch.zeros(3)}, True))
    assert load_file(tmp_path / "weights").keys() == {"w", "b"}


@pytest.mark.parametrize(
    ("tensors", "shapes"),
    [
        ({"w.values": torch.ones(3)}, {"w": [10]}),
        ({"w.mask": torch.zeros(2, dtype=torch.uint8), "w.values": torch.ones(3)}, {"w": [10]}),
        ({"w.mask": torch.full((2,), 255, dtype=torch.uint8), "w.values": torch.ones(10)}, {"w": [17]}),
        ({"w.mask": torch.ones(2), "w.values": torch.ones(2)}, {"w": [10]}),
        ({"w.mask": torch.zeros(2, dtype=torch.uint8), "w.values": torch.ones(0), "w": torch.ones(1)}, {"w": [10]}),
        ({"w": torch.ones(1)}, ["w"]),
    ],
)
def test_parts_that_do_not_fit_are_refused(tmp_path, tensors, shapes):
    (tmp_path / "weights").write_bytes(save(tensors, {"sparse": json.dumps(shapes)}))
    with pytest.raises(IncompatibleError, match="Expected"):
        read_weights(tmp_path / "weights")
