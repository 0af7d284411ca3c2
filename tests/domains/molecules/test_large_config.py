"""The large model for a GPU: its sizes and its memory are those that its config states, by tensors without data."""

import re

import pytest
import torch
import yaml
from torch._subclasses.fake_tensor import FakeTensorMode

from sciencegen.batch import Batch
from sciencegen.domains.molecules.models import CONDITIONS
from sciencegen.networks import sequence
from sciencegen.records import to_record
from sciencegen.training.settings import TrainingSettings
from sciencegen.vae.latent_prior_vae import LatentPriorVAE, LatentPriorVAESettings
from tests.workflows.snakemake_process import WORKFLOWS

VOCABULARY = 700
COPIES = 5
"""Of each weight in 32 bits: itself, its gradient, two moments and its moving average."""


@pytest.mark.parametrize(("tokens", "sentence"), [(64, r"([\d.]+) GB of activations"), (128, r"(\d+) GB for 128")])
@pytest.mark.long
def test_memory_of_a_training_step(tokens, sentence, monkeypatch):
    text = (WORKFLOWS / "config" / "molecules-large.yaml").read_text()
    stated = " ".join(line.removeprefix("# ") for line in text.splitlines() if line.startswith("# "))
    train = yaml.safe_load(text)["train"]
    settings = to_record(LatentPriorVAESettings, train["settings"], "settings")
    training = to_record(TrainingSettings, train["training"], "training")
    monkeypatch.setattr(sequence, "pack_padded_sequence", lambda rows, *lengths, **options: rows)  # needs data
    monkeypatch.setattr(sequence, "pad_packed_sequence", lambda rows, **options: (rows, None))
    kept = []
    with FakeTensorMode():
        model = LatentPriorVAE(VOCABULARY, len(CONDITIONS), settings)
        shape = training.batch_size, tokens
        batch = Batch(
            {"tokens": torch.zeros(shape, dtype=torch.long)},
            torch.ones(shape, dtype=torch.bool),
            torch.zeros(len(CONDITIONS), training.batch_size).T,
        )
        hooks = torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.append(tensor) or tensor, lambda one: one)
        with hooks, torch.autocast("cpu", torch.bfloat16):
            posterior = model.posterior_of(batch)
            code = posterior.mean + posterior.log_std.exp()
            log_prob = model.likelihood(code, batch).log_prob(batch["tokens"])
            error = model.properties(code) - batch.condition
            prior = model.prior.fit_loss(code.detach().float(), batch.condition, 0, torch.Generator())
            loss = error.square().mean() + prior - log_prob.mean() - model._bag_log_prob(code, batch).mean()
        loss.backward()
        held = {id(one.untyped_storage()): one.untyped_storage().nbytes() for one in kept}
        count = sum(one.numel() for one in model.parameters())
    assert float(re.search(sentence, stated)[1]) == pytest.approx(sum(held.values()) / 1e9, rel=0.05)
    assert float(re.search(r"(\d+) million", stated)[1]) == pytest.approx(count / 1e6, rel=0.01)
    assert float(re.search(r"([\d.]+) GB with", stated)[1]) == pytest.approx(COPIES * 4 * count / 1e9, rel=0.05)
