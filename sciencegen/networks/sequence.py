"""Networks over token sequences: a transformer encoder and a gated recurrent decoder."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

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


class GatedStep:
    """A one-layer `nn.GRU`, one step at a time, without repeating products that do not change.

    r, i = sigmoid(W x + b + U h + d)    n = tanh(W x + b + r (U h + d))    h' = (1 - i) n + i h      (Cho et al. 2014)

    x = (token, context, notes): the product of W with the tokens is a table, that with the context is computed once for
    each row (`first`), so that a step multiplies the notes and the state only.
    """

    def __init__(self, recurrent: nn.GRU, tokens: Float[Tensor, "vocabulary width"], context: int = 0) -> None:
        inward, self._state, bias, self._state_bias = recurrent.all_weights[0]
        width, self.hidden = tokens.shape[1], recurrent.hidden_size
        self._table = functional.linear(tokens, inward[:, :width], bias)
        self._context, self._notes = inward[:, width : width + context], inward[:, width + context :]

    def first(self, context: Float[Tensor, "batch context"]) -> Float[Tensor, "batch gates"]:
        return functional.linear(context, self._context)

    def __call__(
        self, token: Int[Tensor, " batch"], hidden: Float[Tensor, "batch hidden"],
        constant: Float[Tensor, "batch gates"] | None = None, notes: Float[Tensor, "batch note"] | None = None,
    ) -> Float[Tensor, "batch hidden"]:  # fmt: skip
        inward = self._table[token]
        if constant is not None:
            inward = inward + constant
        if notes is not None:
            inward = inward + functional.linear(notes, self._notes)
        outward, h = functional.linear(hidden, self._state, self._state_bias), self.hidden
        reset, keep = torch.sigmoid(inward[:, : 2 * h] + outward[:, : 2 * h]).chunk(2, 1)
        new = torch.tanh(inward[:, 2 * h :] + reset * outward[:, 2 * h :])
        return new + keep * (hidden - new)


class PropertyReader(nn.Module):
    """E[y | x_1 .. x_t]: expected properties of the whole sequence, given the tokens so far."""

    def __init__(self, vocabulary: int, properties: int, width: int, hidden: int):
        super().__init__()
        self.token = nn.Embedding(vocabulary, width)
        self.recurrent = nn.GRU(width, hidden, batch_first=True)
        self.output = MLP(hidden, properties, hidden, 1)
        self.hidden = hidden

    def forward(
        self, tokens: Int[Tensor, "batch position"], state: Float[Tensor, "batch hidden"] | None = None
    ) -> tuple[Float[Tensor, "batch position property"], Float[Tensor, "batch hidden"]]:
        """The estimate after each of the tokens, and the state after the last."""
        hidden, last = self.recurrent(self.token(tokens), None if state is None else state[None])
        return self.output(hidden), last[0]

    def stepping(self) -> GatedStep:
        """The same network, one token at a time; `output` of its state is the estimate."""
        return GatedStep(self.recurrent, self.token.weight)


class RecurrentDecoder(nn.Module):
    """Next-token logits from the previous tokens and features of each step, by a gated recurrent network (Cho et al.
    2014).

    The context (latent, condition) sets the first state and is an input of every step; `notes` are further features of
    each step.
    """

    def __init__(self, vocabulary: int, width: int, hidden: int, context: int, notes: int):
        super().__init__()
        self.token = nn.Embedding(vocabulary, width)
        self.state = nn.Linear(context, hidden)
        self.recurrent = nn.GRU(width + context + notes, hidden, batch_first=True)
        outward = nn.Linear(hidden + context + notes, width)
        self.output = nn.Sequential(outward, nn.GELU(), nn.Linear(width, vocabulary))

    def stepping(self) -> GatedStep:
        """The same network, one token at a time; `logits` takes its state."""
        return GatedStep(self.recurrent, self.token.weight, self.state.in_features)

    def logits(
        self, hidden: Float[Tensor, "*batch hidden"], known: Float[Tensor, "*batch known"]
    ) -> Float[Tensor, "*batch vocabulary"]:
        """known: context and notes of each step."""
        return self.output(torch.cat([hidden, known], -1))

    def first_state(self, context: Float[Tensor, "batch context"]) -> Float[Tensor, "batch hidden"]:
        return torch.tanh(self.state(context))

    def forward(
        self,
        previous: Int[Tensor, "batch position"],
        context: Float[Tensor, "batch context"],
        notes: Float[Tensor, "batch position note"],
        state: Float[Tensor, "batch hidden"],
    ) -> tuple[Float[Tensor, "batch position vocabulary"], Float[Tensor, "batch hidden"]]:
        """Logits after each of the `previous` tokens, and the state after the last."""
        known = torch.cat([context[:, None].expand(-1, previous.shape[1], -1), notes], -1)
        hidden, last = self.recurrent(torch.cat([self.token(previous), known], -1), state[None])
        return self.logits(hidden, known), last[0]
