"""Optimizers: they minimize, each parameter has one, and a killed run ends with the weights of an unbroken one."""

import sys
from itertools import islice

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils._pytree import tree_leaves

from sciencegen.errors import ConfigError
from sciencegen.training import TrainingSettings
from sciencegen.training.optimizers import FALLS, OPTIMIZERS, learning_rate, make_optimizer
from sciencegen.training.settings import CHECKPOINT, SCHEDULES
from sciencegen.training.settings import OPTIMIZERS as NAMES
from sciencegen.training.train import train
from tests.training.line import Killed, settings
from tests.training.network import Network, batches


@pytest.fixture(params=OPTIMIZERS)
def optimizer(request):
    if request.param in ("soap", "shampoo"):
        pytest.importorskip("pytorch_optimizer")
    if request.param == "muon" and "Muon" not in dir(torch.optim):
        pytest.skip("torch 2.9 or newer has Muon")
    return request.param


def chosen(optimizer, steps=40, **extra):
    return settings(steps, optimizer=optimizer, learning_rate=0.01, warmup_steps=10, ema_decay=0.9, **extra)


def killed_at(step):
    def source(start):
        yield from islice(batches(start), step - start)
        raise Killed

    return source


def test_the_table_has_the_names_of_the_settings():
    assert tuple(OPTIMIZERS) == NAMES


def test_each_parameter_has_one_group_and_only_weights_decay(optimizer):
    model = Network()
    model.out.weight.requires_grad_(False)
    groups = make_optimizer(model, chosen(optimizer, weight_decay=0.1)).param_groups
    found = [id(one) for group in groups for one in group["params"]]
    assert sorted(found) == sorted(id(one) for one in model.parameters() if one.requires_grad)
    for group in groups:
        assert {one.ndim > 1 for one in group["params"]} <= {group["weight_decay"] == 0.1}


@pytest.mark.long
def test_it_minimizes(optimizer, tmp_path):
    model, start = Network(), Network()
    train(model, batches, chosen(optimizer, 120), tmp_path)
    batch = next(batches(1000))
    with torch.no_grad():
        before, after = (one.loss(batch, 0, torch.Generator().manual_seed(0))["loss"] for one in (start, model))
    assert after < 0.85 * before
    assert torch.equal(model.late.weight, start.late.weight), "what has no gradient is left alone"


def test_a_resumed_run_is_the_unbroken_run(optimizer, tmp_path):
    """Although its global random numbers differ."""
    whole, broken, resumed = Network(), Network(), Network()
    train(whole, batches, chosen(optimizer), tmp_path / "whole")
    with pytest.raises(Killed):
        train(broken, killed_at(25), chosen(optimizer), tmp_path / "broken")
    torch.rand(1)
    train(resumed, batches, chosen(optimizer), tmp_path / "broken")
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name
    ends = [torch.load(tmp_path / one / CHECKPOINT, weights_only=True)["optimizer"] for one in ("whole", "broken")]
    for value, again in zip(*map(tree_leaves, ends), strict=True):
        assert torch.equal(value, again) if isinstance(value, torch.Tensor) else value == again


def test_an_optimizer_changes_the_weights(optimizer, tmp_path):
    """Each name is another optimizer."""
    adamw, other = Network(), Network()
    train(adamw, batches, chosen("adamw", 20), tmp_path / "adamw")
    train(other, batches, chosen(optimizer, 20), tmp_path / "other")
    assert torch.equal(adamw.out.weight, other.out.weight) == (optimizer == "adamw")


@pytest.mark.skipif("Muon" not in dir(torch.optim), reason="torch has no Muon before 2.9")
def test_muon_takes_matrices_alone():
    model = Network()
    muon, adamw = make_optimizer(model, chosen("muon")).parts
    names = {id(one): name for name, one in model.named_parameters()}
    assert {names[id(one)] for group in muon.param_groups for one in group["params"]} == {
        "memory.weight_ih_l0", "memory.weight_hh_l0", "out.weight", "late.weight",
    }  # fmt: skip
    assert {names[id(one)] for one in adamw.param_groups[0]["params"]} == {"table.weight", "kernel.weight"}
    (alone,) = make_optimizer(nn.Conv1d(2, 2, 3), chosen("muon")).parts
    assert isinstance(alone, torch.optim.AdamW)


def test_shampoo_survives_gradients_of_zero():
    """Their statistics decay to 0, which has no inverse root."""
    pytest.importorskip("pytorch_optimizer")
    layer = nn.Linear(4, 3)
    optimizer = make_optimizer(layer, chosen("shampoo", weight_decay=0.0))
    for one in layer.parameters():
        one.grad = torch.zeros_like(one)
    optimizer.step()
    for state in optimizer.state.values():
        for matrix in state["pre_conditioner"].statistics:
            matrix.zero_()
    for _ in range(30):
        optimizer.step()
    assert all(one.isfinite().all() for one in layer.parameters())


def test_adamw_needs_no_other_library(monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "pytorch_optimizer"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pytorch_optimizer", None)
    assert make_optimizer(nn.Linear(2, 2), chosen("adamw")).param_groups
    with pytest.raises(ConfigError, match="pytorch_optimizer"):
        chosen("soap")


# Schedules of the learning rate.


def rates_of(schedule, final_rate=0.1, steps=1000):
    settings = TrainingSettings(steps=steps, warmup_steps=100, final_rate=final_rate, schedule=schedule)
    return np.array([learning_rate(step, settings) for step in range(steps + 1)])


def test_the_table_has_the_names_of_the_settings_schedules():
    assert tuple(FALLS) == SCHEDULES


@pytest.mark.parametrize("schedule", FALLS)
def test_the_rate_rises_to_one_and_falls_to_its_final_share(schedule):
    rates = rates_of(schedule)
    assert rates[:99] == pytest.approx((np.arange(99) + 1) / 100, rel=0.12)
    assert rates.max() == pytest.approx(1, abs=0.11)
    assert (np.diff(rates[150:]) <= 0).all()
    assert rates[-1] == pytest.approx(1 if schedule == "constant" else 0.1)


def test_known_values():
    assert rates_of("cosine", 0.0)[500] == pytest.approx(0.5)
    assert rates_of("linear", 0.0)[[250, 500, 750]] == pytest.approx([0.75, 0.5, 0.25])
    assert rates_of("wsd", 0.0)[[200, 800, 900]] == pytest.approx([1, 1, 0.5])
    assert (rates_of("constant", 0.0)[100:] == 1).all()
