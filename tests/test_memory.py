"""What an accelerator has no room for is computed in halves: the same rows in the same order."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

from sciencegen.devices import HALVED, halved_to_fit
from sciencegen.errors import ConfigError
from sciencegen.latent.explorer import LatentSpace
from sciencegen.vae.array_vae import ArrayVAE
from tests.toy.models import RECIPE, latent_space, untrained

ROOM = 5


def _check_room(rows: int, room: int = ROOM) -> None:
    if rows > room:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.\nand more")


class Cramped(ArrayVAE):
    """Has room for a few rows at once; `asked` are the numbers of rows that it was called with."""

    def __init__(self) -> None:
        super().__init__(10, 1, RECIPE.settings())
        self.asked: list[int] = []

    def encode(self, batch):
        self.asked.append(len(batch))
        _check_room(len(batch))
        return super().encode(batch)

    def decode(self, latent, condition=None):
        _check_room(len(latent))
        return super().decode(latent, condition)


@pytest.mark.parametrize("count", [1, 4, 5, 6, 17, 64])
def test_halves_give_the_whole(count):
    values, calls = np.random.default_rng(count).standard_normal((count, 3)), []

    def compute(rows: slice) -> np.ndarray:
        calls.append(rows)
        _check_room(rows.stop - rows.start)
        return 2 * values[rows]

    if count <= ROOM:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = halved_to_fit(compute, count, np.concatenate)
        assert len(calls) == 1
    else:
        with pytest.warns(UserWarning, match="in halves") as heard:
            found = halved_to_fit(compute, count, np.concatenate)
        assert {str(one.message) for one in heard} == {HALVED}  # one text, which Python shows once
    assert (found == 2 * values).all()


def test_one_row_that_does_not_fit_is_an_error_with_a_remedy():
    with (
        pytest.warns(UserWarning, match="in halves"),
        pytest.raises(ConfigError, match=r"one item.*Tried to allocate 20.00 GiB\..*`device` cpu"),
    ):
        halved_to_fit(lambda rows: _check_room(rows.stop - rows.start, room=0), 3, list)


def test_other_errors_pass():
    def compute(rows: slice) -> None:
        raise RuntimeError("out of luck")

    with pytest.raises(RuntimeError, match="out of luck"):
        halved_to_fit(compute, 8, list)


@pytest.fixture(scope="module")
def spaces() -> tuple[LatentSpace, LatentSpace]:
    """One with room for everything, one without, of the same weights."""
    (roomy, representation), cramped = untrained(), Cramped().eval()
    cramped.load_state_dict(roomy.state_dict())
    return latent_space(roomy, representation), latent_space(cramped, representation)


@pytest.mark.filterwarnings("ignore:The accelerator")
@pytest.mark.parametrize("condition", [None, {"radius": 1.2}])
def test_a_latent_space_gives_the_same_items(spaces, condition):
    roomy, cramped = spaces
    latents = roomy.sample(23, seed=1)
    assert cramped.sample(23, seed=1) == pytest.approx(latents, abs=1e-6)
    items = roomy.decode(latents, condition)
    assert _numbers(cramped.decode(latents, condition)) == pytest.approx(_numbers(items), abs=1e-4)
    made = cramped.generate_batch(latents)
    assert made["values"].numpy() == pytest.approx(roomy.generate_batch(latents)["values"].numpy(), abs=1e-5)
    assert cramped.encode(items) == pytest.approx(roomy.encode(items), abs=1e-5)
    assert cramped.model.asked[:3] == [23, 11, 5]


def _numbers(clouds: list[str]) -> np.ndarray:
    return np.array([[float(number) for number in cloud.replace(";", " ").split()] for cloud in clouds])


@pytest.mark.gpu
def test_a_gpu_without_room_computes_halves():
    """Each row needs a sixth of the memory that is free."""
    free, _ = torch.cuda.mem_get_info()
    parts = []

    def compute(rows: slice) -> np.ndarray:
        size = rows.stop - rows.start
        torch.empty(size * free // 6, dtype=torch.uint8, device="cuda")
        parts.append(size)
        return np.arange(rows.start, rows.stop)

    with pytest.warns(UserWarning, match="memory is too small"):
        found = halved_to_fit(compute, 16, np.concatenate)
    assert found.tolist() == list(range(16))
    assert parts == [4] * 4
