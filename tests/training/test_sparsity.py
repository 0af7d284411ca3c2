"""Pruning: the share of zeros is what was asked, no pruned weight returns, and a resumed run is the unbroken one."""

from itertools import pairwise

import pytest
import torch
from torch import nn

from sciencegen.errors import ConfigError
from sciencegen.training import TrainingSettings
from sciencegen.training.settings import CHECKPOINT
from sciencegen.training.train import END, Pruning, magnitude_mask, prunable, scheduled_sparsity, train
from tests.training.line import Killed, settings
from tests.training.network import Network, batches
from tests.training.test_optimizers import killed_at

PRUNED = {"table.weight", "kernel.weight", "memory.weight_ih_l0", "memory.weight_hh_l0", "out.weight"}


def sparse(steps=50, sparsity=0.8, **extra):
    return settings(steps, sparsity=sparsity, smallest_pruned=90, ema_decay=0.9, warmup_steps=5, **extra)


def zeros(model):
    return {name: int((one == 0).sum()) for name, one in model.named_parameters()}


@pytest.fixture
def seen(monkeypatch):
    """The masks, weights and averages after each step."""
    history = []
    plain = Pruning.on_train_batch_end

    def watched(self, trainer, module, *arguments):
        plain(self, trainer, module, *arguments)
        history.append({name: mask.clone() for name, mask in module.masks.items()})
        for name, mask in module.masks.items():
            assert not module.model.state_dict()[name][~mask].any()
            assert not module.average[name][~mask].any()

    monkeypatch.setattr(Pruning, "on_train_batch_end", watched)
    return history


def test_the_share_rises_by_the_cubic_schedule():
    asked = TrainingSettings(steps=1000, sparsity=0.9)
    shares = [scheduled_sparsity(step, asked) for step in range(1001)]
    assert shares[:101] == [0] * 101
    assert shares[700:] == pytest.approx([0.9] * 301)
    assert all(before <= after for before, after in pairwise(shares))
    assert shares[400] == pytest.approx(0.9 * (1 - 0.5**3))


@pytest.mark.parametrize("share", [0, 0.25, 0.5, 0.99])
def test_a_mask_drops_the_smallest_magnitudes_and_what_was_dropped_before(share):
    weight = torch.randn(7, 9, generator=torch.Generator().manual_seed(1))
    mask = magnitude_mask(weight, share)
    assert int((~mask).sum()) == round(share * 63)
    if share:
        assert weight[~mask].abs().max() <= weight[mask].abs().min()
    before = magnitude_mask(-weight.flip(0), share / 2)
    later = magnitude_mask(torch.zeros_like(weight), share, before)
    assert int((~later).sum()) == round(share * 63)
    assert not (later & ~before).any()


@pytest.mark.parametrize("steps", [1, 2, 3, 50])
@pytest.mark.parametrize("sparsity", [0.5, 0.8])
def test_the_share_of_zeros_is_the_one_that_was_asked_for(tmp_path, steps, sparsity):
    model, start = Network(), Network()
    train(model, batches, sparse(steps, sparsity), tmp_path)
    counts = zeros(model)
    for name, one in model.named_parameters():
        assert counts[name] == (round(sparsity * one.numel()) if name in PRUNED else zeros(start)[name]), name
    assert torch.equal(model.late.weight, start.late.weight), "what has no gradient is fitted later"


def test_pruned_weights_never_return_and_masks_are_fixed_at_the_end(tmp_path, seen):
    train(Network(), batches, sparse(), tmp_path)
    assert seen[-1].keys() == PRUNED
    for before, after in pairwise(seen[5:]):
        assert not any((after[name] & ~before[name]).any() for name in PRUNED)
    assert any((seen[10][name] != seen[20][name]).any() for name in PRUNED)
    for masks in seen[int(END * 50) :]:
        assert all(torch.equal(masks[name], seen[-1][name]) for name in PRUNED)


@pytest.mark.parametrize("kill", [15, 48])
@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_a_resumed_run_is_the_unbroken_run(tmp_path, kill, optimizer):
    if optimizer == "muon" and "Muon" not in dir(torch.optim):
        pytest.skip("torch 2.9 or newer has Muon")
    whole, broken, resumed = Network(), Network(), Network()
    asked = sparse(optimizer=optimizer, learning_rate=0.01)
    train(whole, batches, asked, tmp_path / "whole")
    with pytest.raises(Killed):
        train(broken, killed_at(kill), asked, tmp_path / "broken")
    train(resumed, batches, asked, tmp_path / "broken")
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name
    masks = [torch.load(tmp_path / one / CHECKPOINT, weights_only=True)["masks"] for one in ("whole", "broken")]
    torch.testing.assert_close(*masks)


def test_without_sparsity_nothing_is_pruned(tmp_path):
    """And its checkpoint has no masks."""
    model = Network()
    train(model, batches, sparse(sparsity=0.0), tmp_path)
    assert not any(zeros(model).values())
    assert torch.load(tmp_path / CHECKPOINT, weights_only=True)["masks"] == {}


def test_only_large_weights_are_pruned_and_a_network_without_any_is_refused(tmp_path):
    model = Network()
    named = {name for name, _ in prunable(model, TrainingSettings(smallest_pruned=192))}
    assert named == {"kernel.weight", "memory.weight_ih_l0", "memory.weight_hh_l0"}
    with pytest.raises(ConfigError, match=r"at least 4096 weights.*Pass a lower `smallest_pruned`"):
        train(model, batches, settings(sparsity=0.5), tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_names_of_weights():
    attention = nn.MultiheadAttention(8, 2)
    attention.weight_log_std = nn.Parameter(torch.zeros(8, 8))
    attention.position = nn.Parameter(torch.zeros(8, 8))
    found = {name for name, _ in prunable(attention, TrainingSettings(smallest_pruned=1))}
    assert found == {"in_proj_weight", "out_proj.weight"}
