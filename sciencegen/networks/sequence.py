"""Networks over token sequences: a transformer that reads, a gated recurrent network that writes."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from sciencegen.networks.mlp import MLP


class SequenceEncoder(nn.Module):
    """Tokens to one feature vector: pre-norm transformer layers, then learned queries that attend to the positions.

    Vaswani et al. 2017; the pooling is that of Lee et al. 2019 (Set Transformer, "PMA").
    """

    def __init__(self, vocabulary: int, width: int, layers: int, heads: int, length: int, queries: int = 4):
        super().__init__()
        self.token = nn.Embedding(vocabulary, width)
        self.position = nn.Parameter(torch.randn(length, width) * 0.02)
        layer = [
            nn.TransformerEncoderLayer(width, heads, 4 * width, dropout=0.0, batch_first=True, norm_first=True)
            for _ in range(layers)
        ]
        self.layers = nn.ModuleList(layer)
        self.norm = nn.LayerNorm(width)
        self.score = nn.Linear(width, queries)
        self.feature_size = queries * width

    def forward(
        self, tokens: Int[Tensor, "batch position"], mask: Bool[Tensor, "batch position"]
    ) -> Float[Tensor, "batch feature"]:
        hidden = self.token(tokens) + self.position[: tokens.shape[1]]
        for layer in self.layers:
            hidden = layer(hidden, src_key_padding_mask=~mask)
        hidden = self.norm(hidden)
        score = self.score(hidden).masked_fill(~mask[..., None], -1e4)
        weight = torch.softmax(score.float(), 1).to(hidden.dtype)
        return torch.einsum("bpq,bpw->bqw", weight, hidden).flatten(1)


class PropertyReader(nn.Module):
    """E[y | x_1 .. x_t]: what the tokens so far let one expect of the whole sequence's properties."""

    def __init__(self, vocabulary: int, properties: int, width: int, hidden: int):
        super().__init__()
        self.token = nn.Embedding(vocabulary, width)
        self.recurrent = nn.GRU(width, hidden, batch_first=True)
        self.output = MLP(hidden, properties, hidden, 1)
        self.hidden = hidden

    def forward(
        self, tokens: Int[Tensor, "batch position"], state: Float[Tensor, "batch hidden"] | None = None
    ) -> tuple[Float[Tensor, "batch position property"], Float[Tensor, "batch hidden"]]:
        """The estimate after each of the tokens, and the state behind the last."""
        hidden, last = self.recurrent(self.token(tokens), None if state is None else state[None])
        return self.output(hidden), last[0]


class RecurrentDecoder(nn.Module):
    """Next-token logits from the tokens before and what is known at each step, by a gated recurrent network (Cho et al.
    2014).

    The context (latent, condition) sets the first state and enters every step, so that it is never forgotten; `notes`
    are further features of each step.
    """

    def __init__(self, vocabulary: int, width: int, hidden: int, context: int, notes: int):
        super().__init__()
        self.token = nn.Embedding(vocabulary, width)
        self.state = nn.Linear(context, hidden)
        self.recurrent = nn.GRU(width + context + notes, hidden, batch_first=True)
        outward = nn.Linear(hidden + context + notes, width)
        self.output = nn.Sequential(outward, nn.GELU(), nn.Linear(width, vocabulary))

    def first_state(self, context: Float[Tensor, "batch context"]) -> Float[Tensor, "batch hidden"]:
        return torch.tanh(self.state(context))

    def forward(
        self,
        previous: Int[Tensor, "batch position"],
        context: Float[Tensor, "batch context"],
        notes: Float[Tensor, "batch position note"],
        state: Float[Tensor, "batch hidden"],
    ) -> tuple[Float[Tensor, "batch position vocabulary"], Float[Tensor, "batch hidden"]]:
        """Logits after each of the `previous` tokens, and the state behind the last."""
        known = torch.cat([context[:, None].expand(-1, previous.shape[1], -1), notes], -1)
        hidden, last = self.recurrent(torch.cat([self.token(previous), known], -1), state[None])
        return self.output(torch.cat([hidden, known], -1)), last[0]
