"""An accelerator that isn't there: tensors that say they lie on it and are computed on the CPU, so that one that was
left on the CPU is an error, as on CUDA, and each question that makes the host wait is counted.

torch's own fake tensors can't follow a step on a CPU build: autograd needs the guard of a CUDA build, and a question to
the host has no answer. Here both have. Spectra have wrong gradients, and what CUDA's own kernels do isn't shown.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

import sciencegen

DEVICE = torch.device("meta")
aten = torch.ops.aten

PACKAGE = f"{Path(sciencegen.__file__).parent}/"

ASKING = {
    aten._local_scalar_dense.default: "a number", aten.is_nonzero.default: "a truth", aten.equal.default: "equality",
    aten.nonzero.default: "places", aten.masked_select.default: "a selection", aten._unique2.default: "values",
    aten.unique_dim.default: "values", aten.unique_consecutive.default: "values", aten.bincount.default: "counts",
    aten.repeat_interleave.Tensor: "a size", aten._linalg_check_errors.default: "whether a matrix has an inverse",
}  # fmt: skip
"""Operations whose result the host waits for, as on CUDA."""

BY_PLACES = {aten.index.Tensor, aten.index_put.default, aten.index_put_.default, aten._index_put_impl_.default}
"""Places may lie on the CPU, and are copied; truths in their stead make the host wait for their number."""


class StrayTensor(AssertionError):
    """A tensor lies where its operation doesn't look for it."""


class OnAccelerator(Tensor):
    """`inner`, a tensor of the CPU, that says it lies on the accelerator."""

    inner: Tensor

    @staticmethod
    def __new__(cls, inner: Tensor) -> OnAccelerator:
        made = Tensor._make_wrapper_subclass(
            cls, inner.size(), strides=inner.stride(), storage_offset=inner.storage_offset(), dtype=inner.dtype,
            layout=inner.layout, device=DEVICE, requires_grad=False,
        )  # fmt: skip
        made.inner = inner
        return made

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, function: Any, types: Any, arguments: Any = (), options: Any = None) -> Any:
        return _run(function, arguments, options or {}, None)

    def __repr__(self, **options: Any) -> str:
        return f"OnAccelerator({self.inner!r})"


class Generator(torch.Generator):
    """A generator of the accelerator, with the numbers of the CPU's."""

    device = property(lambda self: DEVICE)  # type: ignore[assignment]


class Accelerator(TorchDispatchMode):
    """What happens inside; `asked` has the questions to the host, by operation and line of ours."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: Counter[str] = Counter()

    def __torch_dispatch__(self, function: Any, types: Any, arguments: Any = (), options: Any = None) -> Any:
        return _run(function, arguments, options or {}, self)


def _run(function: Any, arguments: Any, options: dict[str, Any], mode: Accelerator | None) -> Any:
    flat, form = pytree.tree_flatten((arguments, options))
    tensors = [one for one in flat if isinstance(one, Tensor)]
    there = [one for one in tensors if isinstance(one, OnAccelerator)]
    asked = options.get("device")
    moved = function is aten._to_copy.default or function is aten.copy_.default
    aim = bool(there) if asked is None else torch.device(asked).type == DEVICE.type
    if there and not moved and function is not aten._pack_padded_sequence.default:  # its lengths lie on the CPU
        places = arguments[1] if function in BY_PLACES else []
        for one in tensors:
            if not isinstance(one, OnAccelerator) and one.ndim and not any(one is place for place in places):
                raise StrayTensor(f"{function} of a tensor of the CPU {list(one.shape)} and one of the accelerator.")
    if mode is not None and (question := _question(function, arguments, there, aim)):
        mode.asked[f"{question}, {_line()}"] += 1
    inner = [one.inner if isinstance(one, OnAccelerator) else one for one in flat]
    arguments_, options_ = pytree.tree_unflatten(inner, form)
    if asked is not None:
        options_ = {**options_, "device": torch.device("cpu")}
    result = function(*arguments_, **options_)
    if there and torch.Tag.inplace_view in function.tags:  # the shape that it shows changes as well
        before = torch._C._meta_in_tls_dispatch_include()
        torch._C._set_meta_in_tls_dispatch_include(True)
        try:
            with torch._C._DisableTorchDispatch():
                function(*arguments, **options)
        finally:
            torch._C._set_meta_in_tls_dispatch_include(before)
    known = {id(one.inner): one for one in there}
    if moved and function is aten.copy_.default:
        return arguments[0]

    def wrapped(one: Any) -> Any:
        if not isinstance(one, Tensor) or isinstance(one, OnAccelerator):
            return one
        if function is aten._pack_padded_sequence.default and one.ndim == 1:
            return one
        if id(one) in known:  # changed in place
            return known[id(one)]
        return OnAccelerator(one) if aim else one

    return pytree.tree_map(wrapped, result)


def _question(function: Any, arguments: Any, there: list[Any], aim: bool) -> str:
    if there and function in ASKING:
        return ASKING[function]
    if there and function is aten._to_copy.default and not aim:
        return "a copy"
    if function is aten.copy_.default and there and not isinstance(arguments[0], OnAccelerator):
        return "a copy"
    if there and function in BY_PLACES and any(one is not None and one.dtype == torch.bool for one in arguments[1]):
        return "how many are true"
    return ""


def _line() -> str:
    """The innermost line of the package."""
    frame = sys._getframe()
    while frame is not None and PACKAGE not in frame.f_code.co_filename:
        frame = frame.f_back
    return f"{frame.f_code.co_filename.rpartition(PACKAGE)[2]}:{frame.f_lineno}" if frame else "a test"


class GeneratorsOfTheirDevice(TorchFunctionMode):
    """Random numbers of one device by a generator of another are an error."""

    def __torch_function__(self, function: Any, types: Any, arguments: Any = (), options: Any = None) -> Any:
        options = options or {}
        if function in (torch.tensor, torch.as_tensor, Tensor.new_tensor):  # these make meta tensors without a mode
            place = options.pop("device", arguments[0].device if function is Tensor.new_tensor else None)
            if place is not None and torch.device(place).type == DEVICE.type:
                options.setdefault("dtype", arguments[0].dtype if function is Tensor.new_tensor else None)
                return torch.tensor(arguments[-1], **options).to(DEVICE)
            return function(*arguments, **options, device=place)
        if function in (Tensor.__getitem__, Tensor.__setitem__) and isinstance(arguments[0], OnAccelerator):
            places = (
                arguments[1] if isinstance(arguments[1], tuple) else (arguments[1],)
            )  # lists are copied from the CPU
            places = tuple(torch.tensor(one) if isinstance(one, list) else one for one in places)
            arguments = (arguments[0], places, *arguments[2:])
        result = function(*arguments, **options)
        generator = options.get("generator")
        if generator is not None and isinstance(result, Tensor) and result.device.type != generator.device.type:
            raise StrayTensor(f"{function} on {result.device} with a generator of {generator.device}.")
        return result


def jvp(function: Any, primals: tuple[Tensor], tangents: tuple[Tensor]) -> tuple[Tensor, Tensor]:
    """`torch.func.jvp` by two backward passes: functorch can't wrap tensors of this kind."""
    with torch.enable_grad():
        x = primals[0] if primals[0].requires_grad else primals[0].detach().requires_grad_()
        y = function(x)
        weight = torch.ones_like(y).requires_grad_()
        (pulled,) = torch.autograd.grad(y, x, weight, create_graph=True)
        return y, torch.autograd.grad(pulled, weight, tangents[0], create_graph=True)[0]


def autocast(device: str, *arguments: Any, **options: Any) -> Any:
    """`torch.autocast` of the device that computes."""
    return AUTOCAST("cpu" if device == DEVICE.type else device, *arguments, **options)


AUTOCAST = torch.autocast


@contextmanager
def accelerated() -> Iterator[Accelerator]:
    """A block in which `device()` can be used."""
    overwrite = torch.__future__.get_overwrite_module_params_on_conversion()
    torch.__future__.set_overwrite_module_params_on_conversion(True)
    try:
        with (
            patch("torch.func.jvp", jvp),
            patch("torch.autocast", autocast),
            GeneratorsOfTheirDevice(),
            Accelerator() as mode,
        ):
            yield mode
    finally:
        torch.__future__.set_overwrite_module_params_on_conversion(overwrite)
