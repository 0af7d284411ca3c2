"""A small network with layers of every kind that optimizers and pruning treat apart."""

import torch
from torch import nn

from sciencegen.batch import Batch


class Network(nn.Module):
    """An embedding, a kernel, matrices, a recurrent layer; `late` has no gradient, as what is fitted later."""

    def __init__(self, width=8):
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.table = nn.Embedding(12, width)
            self.kernel = nn.Conv1d(width, width, 3, padding=1)
            self.memory = nn.GRU(width, width, batch_first=True)
            self.out = nn.Linear(width, 12)
            self.late = nn.Linear(width, width)

    def forward(self, tokens):
        hidden = self.kernel(self.table(tokens).mT).mT.relu()
        return self.out(self.memory(hidden)[0])

    def loss(self, batch, step, generator):
        noise = torch.rand(batch["tokens"].shape, generator=generator) < 0.02
        logits = self(batch["tokens"].masked_fill(noise, 0))
        return {"loss": nn.functional.cross_entropy(logits.flatten(0, 1), batch["answers"].flatten())}


def batches(step):
    while True:
        tokens = torch.randint(12, (16, 6), generator=torch.Generator().manual_seed(step))
        yield Batch({"tokens": tokens, "answers": tokens.roll(1, 1)})
        step += 1
