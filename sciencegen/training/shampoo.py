"""Shampoo of the package pytorch_optimizer, with a state of tensors and numbers, so that a killed run resumes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from pytorch_optimizer.optimizer.shampoo import ScalableShampoo
from torch import Tensor

FLOOR = 1e-20
"""Smallest diagonal of the statistics: gradients that stay 0 for thousands of steps leave a matrix without inverse."""


class Shampoo(ScalableShampoo):
    """`ScalableShampoo` (Anil et al. 2020) whose steps draw no global random numbers and whose state can be saved.

    Its power iterations begin at a vector that depends on the number of steps alone. Its state is otherwise in objects
    of the package, which can't be loaded with `weights_only`.
    """

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for state in self.state.values():
            for matrix in state["pre_conditioner"].statistics:
                matrix.diagonal().clamp_(min=FLOOR)
        with torch.random.fork_rng(devices=self._cuda_devices()):
            torch.manual_seed(self.param_groups[0].get("step", 0))
            super().step()
        return loss

    def state_dict(self) -> dict[str, Any]:
        saved = super().state_dict()
        return {**saved, "state": {key: _to_tensors(state) for key, state in saved["state"].items()}}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        for group, saved in zip(self.param_groups, state_dict["param_groups"], strict=True):
            group.update({name: value for name, value in saved.items() if name != "params"})
            for parameter, key in zip(group["params"], saved["params"], strict=True):
                if key in state_dict["state"]:
                    parameter.grad = torch.zeros_like(parameter)  # `init_group` makes states where there are gradients
            self.init_group(group)
            for parameter, key in zip(group["params"], saved["params"], strict=True):
                if key in state_dict["state"]:
                    parameter.grad = None
                    _fill(self.state[parameter], state_dict["state"][key])

    def _cuda_devices(self) -> list[torch.device]:
        return list({parameter.device for parameter in self._parameters() if parameter.is_cuda})

    def _parameters(self) -> Iterator[Tensor]:
        return (parameter for group in self.param_groups for parameter in group["params"])


def _to_tensors(state: dict[str, Any]) -> dict[str, Any]:
    """The state of a parameter as tensors and lists of them."""
    preconditioner, graft = state["pre_conditioner"], state["graft"]
    return {
        "momentum": state["momentum"],
        "statistics": preconditioner.statistics,
        "pre_conditioners": preconditioner.pre_conditioners,
        "graft_momentum": graft.momentum,
        "graft_statistics": graft.statistics,
    }


def _fill(state: dict[str, Any], saved: dict[str, Any]) -> None:
    """The inverse of `_to_tensors`, in place."""
    preconditioner, graft = state["pre_conditioner"], state["graft"]
    pairs = [
        (state["momentum"], saved["momentum"]), (graft.momentum, saved["graft_momentum"]),
        (graft.statistics, saved["graft_statistics"]),
        *zip(preconditioner.statistics, saved["statistics"], strict=True),
        *zip(preconditioner.pre_conditioners, saved["pre_conditioners"], strict=True),
    ]  # fmt: skip
    for own, value in pairs:
        own.copy_(value)
