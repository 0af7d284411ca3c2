"""Networks over token sequences: a transformer encoder and a gated recurrent decoder."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from sciencegen.errors import ConfigError
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
    each row (`first`), so that a step multiplies the notes and the state only. Without tokens, x = (context, notes).
    """

    def __init__(self, recurrent: nn.GRU, tokens: Float[Tensor, "vocabulary width"] | None, context: int = 0) -> None:
        inward, self._state, bias, self._state_bias = recurrent.all_weights[0]
        width, self.hidden = 0 if tokens is None else tokens.shape[1], recurrent.hidden_size
        self._table = bias[None] if tokens is None else functional.linear(tokens, inward[:, :width], bias)
        self._context, self._notes = inward[:, width : width + context], inward[:, width + context :]

    def first(self, context: Float[Tensor, "batch context"]) -> Float[Tensor, "batch gates"]:
        return functional.linear(context, self._context)

    def __call__(
        self, token: Int[Tensor, " batch"] | None, hidden: Float[Tensor, "batch hidden"],
        constant: Float[Tensor, "batch gates"] | None = None, notes: Float[Tensor, "batch note"] | None = None,
    ) -> Float[Tensor, "batch hidden"]:  # fmt: skip
        inward = self._table if token is None else self._table[token]
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


# Networks between token sequences and a latent vector: a recurrent encoder, and a decoder that reads nothing else.

State = tuple[Tensor, ...]


@dataclass(frozen=True)
class SequenceSizes:
    """Sizes of `BottleneckEncoder` and `AttentiveDecoder`.

    Parameters
    ----------
    token : int
        Width of the token embedding.
    encoder, decoder : int
        Hidden units of the recurrent layers, of the encoder in each direction.
    slots : int
        Number of summaries that the encoder makes of a sequence, and of vectors that the decoder attends to.
    slot : int
        Width of each.
    heads : int
        Number of attention heads.
    dense : int
        Hidden units of the fully connected layers next to the latent.
    """

    token: int = 128
    encoder: int = 256
    decoder: int = 384
    slots: int = 8
    slot: int = 128
    heads: int = 4
    dense: int = 512

    def __post_init__(self) -> None:
        if self.slot % self.heads:
            raise ConfigError(f"Expected a slot width divisible by {self.heads} heads, got {self.slot}.")


class BottleneckEncoder(nn.Module):
    """Tokens to one feature vector.

    A bidirectional GRU [1]_, learned queries that attend to its states [2]_, and a fully connected layer over all their
    results.

    Parameters
    ----------
    vocabulary : int
    sizes : SequenceSizes

    References
    ----------
    .. [1] Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder", EMNLP 2014.
    .. [2] Lee et al., "Set Transformer", ICML 2019, "PMA".

    Examples
    --------
    >>> encoder = BottleneckEncoder(10, SequenceSizes(token=8, encoder=8, slots=2, slot=8, heads=2, dense=16))
    >>> tokens = torch.randint(2, 10, (3, 7))
    >>> encoder(tokens, torch.ones(3, 7, dtype=bool)).shape == (3, encoder.feature_size)
    True
    """

    def __init__(self, vocabulary: int, sizes: SequenceSizes) -> None:
        super().__init__()
        self.sizes = s = sizes
        self.token = nn.Embedding(vocabulary, s.token)
        self.recurrent = nn.GRU(s.token, s.encoder, batch_first=True, bidirectional=True)
        self.key = nn.Linear(2 * s.encoder, s.slot)
        self.value = nn.Linear(2 * s.encoder, 2 * s.slot)
        self.query = nn.Parameter(torch.randn(s.slots, s.slot) * 0.2)
        self.mix = nn.Sequential(
            nn.Linear(2 * s.slots * s.slot, s.dense), nn.SiLU(), nn.Linear(s.dense, s.dense), nn.SiLU()
        )
        self.feature_size = 2 * s.slots * s.slot + s.dense

    def forward(
        self, tokens: Int[Tensor, "batch position"], mask: Bool[Tensor, "batch position"]
    ) -> Float[Tensor, "batch feature"]:
        # packed, so that the direction that begins at the end doesn't begin in the padding
        packed = pack_padded_sequence(self.token(tokens), mask.sum(1).cpu(), batch_first=True, enforce_sorted=False)
        states, _ = pad_packed_sequence(self.recurrent(packed)[0], batch_first=True, total_length=tokens.shape[1])
        query = self.query[None].expand(len(tokens), -1, -1)
        attended = attention(query, self.key(states), self.value(states), self.sizes.heads, mask).flatten(1)
        return torch.cat([attended, self.mix(attended)], 1)


class AttentiveDecoder(nn.Module):
    """Next-token logits from the previous tokens and a latent vector, which every step attends to.

        m = W z + f(z)                       [slot width], the vectors that are attended to
        a_t = GRU(x_{t-1}, g(z))
        b_t = GRU(a_t, attention(a_t, m))
        logits_t = h(b_t, attention(a_t, m))

    The latent also gives both first states. There is no other input: what differs between two sequences is in z.

    Parameters
    ----------
    vocabulary, latent_size : int
    sizes : SequenceSizes

    References
    ----------
    .. [1] Bahdanau, Cho & Bengio, "Neural Machine Translation by Jointly Learning to Align and Translate", ICLR 2015.

    Examples
    --------
    >>> sizes = SequenceSizes(token=8, decoder=8, slots=2, slot=8, heads=2, dense=16)
    >>> decoder = AttentiveDecoder(10, 4, sizes)
    >>> logits, _ = decoder(torch.ones(3, 5, dtype=int), decoder.start(torch.randn(3, 4)))
    >>> logits.shape
    torch.Size([3, 5, 10])
    """

    def __init__(self, vocabulary: int, latent_size: int, sizes: SequenceSizes) -> None:
        super().__init__()
        self.sizes = s = sizes
        self.token = nn.Embedding(vocabulary, s.token)
        self.unpack = MLP(latent_size, s.dense, s.dense, 1)
        features = latent_size + s.dense
        self.memory = nn.Linear(features, 2 * s.slots * s.slot)
        self.context = nn.Linear(features, s.slot)
        self.first = nn.Linear(features, s.decoder)
        self.second = nn.Linear(features, s.decoder)
        self.lower = nn.GRU(s.token + s.slot, s.decoder, batch_first=True)
        self.query = nn.Linear(s.decoder, s.slot)
        self.upper = nn.GRU(s.decoder + s.slot, s.decoder, batch_first=True)
        self.output = nn.Sequential(nn.Linear(s.decoder + s.slot, 256), nn.SiLU(), nn.Linear(256, vocabulary))

    def train(self, mode: bool = True) -> AttentiveDecoder:
        """As of any module, but the recurrent layers stay in training mode, which changes none of their results: cuDNN
        computes gradients of no others, and gradients with respect to the latent are needed after training too."""
        super().train(mode)
        self.lower.train()
        self.upper.train()
        return self

    def start(self, latent: Float[Tensor, "batch latent"]) -> State:
        """All that the steps need of the latent: both first states, context, keys and values."""
        features = torch.cat([latent, functional.silu(self.unpack(latent))], 1)
        keys, values = self.memory(features).unflatten(1, (self.sizes.slots, -1)).chunk(2, -1)
        states = torch.tanh(self.first(features)), torch.tanh(self.second(features))
        return (*states, self.context(features), keys, values)

    def stepping(self, dtype: torch.dtype) -> AttentiveStep:
        """The same network in this precision, one token at a time."""
        return AttentiveStep(self if self.token.weight.dtype == dtype else deepcopy(self).to(dtype))

    def forward(
        self, previous: Int[Tensor, "batch position"], state: State
    ) -> tuple[Float[Tensor, "batch position vocabulary"], State]:
        """Logits after each of the `previous` tokens, and the state after the last."""
        lower, upper, context, keys, values = state
        every = context[:, None].expand(-1, previous.shape[1], -1)
        hidden, lower_last = self.lower(torch.cat([self.token(previous), every], -1), lower[None].contiguous())
        attended = attention(self.query(hidden), keys, values, self.sizes.heads)
        hidden, upper_last = self.upper(torch.cat([hidden, attended], -1), upper[None].contiguous())
        logits = self.output(torch.cat([hidden, attended], -1))
        return logits, (lower_last[0], upper_last[0], context, keys, values)


class AttentiveStep:
    """`AttentiveDecoder`, one token at a time. The state has in place of the context its part of the lower gates."""

    def __init__(self, decoder: AttentiveDecoder) -> None:
        self.decoder = decoder
        self._lower = GatedStep(decoder.lower, decoder.token.weight, decoder.sizes.slot)
        self._upper = GatedStep(decoder.upper, None)

    def start(self, latent: Float[Tensor, "batch latent"]) -> State:
        lower, upper, context, keys, values = self.decoder.start(latent.to(self.decoder.token.weight.dtype))
        return lower, upper, self._lower.first(context), keys, values

    def __call__(self, previous: Int[Tensor, "batch 1"], state: State) -> tuple[Tensor, State]:
        lower, upper, constant, keys, values = state
        lower = self._lower(previous[:, 0], lower, constant)
        attended = attention(self.decoder.query(lower)[:, None], keys, values, self.decoder.sizes.heads)[:, 0]
        upper = self._upper(None, upper, notes=torch.cat([lower, attended], 1))
        logits = self.decoder.output(torch.cat([upper, attended], 1))
        return logits[:, None], (lower, upper, constant, keys, values)


def attention(
    query: Float[Tensor, "batch query width"], key: Float[Tensor, "batch position width"],
    value: Float[Tensor, "batch position value"], heads: int, mask: Bool[Tensor, "batch position"] | None = None,
) -> Float[Tensor, "batch query value"]:  # fmt: skip
    """Softmax attention with several heads, to the positions inside the mask. Vaswani et al. 2017, eq. 1."""
    q, k, v = (part.unflatten(-1, (heads, -1)).transpose(1, 2) for part in (query, key, value))
    inside = None if mask is None else mask[:, None, None]
    attended = functional.scaled_dot_product_attention(q, k, v, attn_mask=inside)
    return attended.transpose(1, 2).flatten(2)
