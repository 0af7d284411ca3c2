"""LatentRows: calls of a trained model on rows, such as latents, in chunks of fixed size and on threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from sciencegen.batch import Batch, concatenate
from sciencegen.config import COMPUTE_CHUNK, CPU_CHUNK
from sciencegen.data.threads import FIRST_ROWS, map_threaded
from sciencegen.devices import halved_to_fit
from sciencegen.errors import ShapeError, unknown_name
from sciencegen.items import Item, Refusal
from sciencegen.latent.space import Accept, DecodesAccepted, Drafts, InfersArrays, ItemCodec, LatentModel

Latents = Float[np.ndarray, "item latent"]


@dataclass(frozen=True)
class LatentRows:
    """A trained model and its representation, called on rows.

    Parameters
    ----------
    model : LatentModel
        On `device`, in evaluation mode.
    representation : ItemCodec
        Items to tensors and back; its `properties` are the names of the condition's columns.
    device : str
    threads : int
        Number of chunks of rows that are computed in parallel; results do not depend on it.
    cpu_rows : int
        Rows of one call of the model on a CPU.
    """

    model: LatentModel
    representation: ItemCodec
    device: str = "cpu"
    threads: int = 1
    cpu_rows: int = CPU_CHUNK

    @property
    def size(self) -> int:
        """Length of a latent vector."""
        return self.model.latent_size

    @property
    def _accept(self) -> Accept | None:
        """Which rows of a Batch are well formed; None if the representation cannot check it."""
        if not self.representation.canonical:
            return None

        def accept(batch: Batch) -> torch.Tensor:
            here = batch.to("cpu")
            flags = self.representation.well_formed(here, self.representation.decode(here))
            return torch.from_numpy(flags).to(self.device)

        return accept

    @property
    def properties(self) -> tuple[str, ...]:
        """Names of the properties that a condition may contain."""
        return tuple(self.representation.properties)

    def encode_arrays(
        self, arrays: Sequence[np.ndarray], advance: Callable[[int], None] = lambda rows: None
    ) -> Latents:
        """One latent for each array of `representation.encode`. advance: called with the number of rows encoded."""
        parts = []
        for part in map_threaded(lambda rows: self._encode(arrays[rows]), self._chunks(len(arrays)), self.threads):
            parts.append(part)
            advance(len(part))
        return np.concatenate(parts) if parts else np.empty((0, self.size), np.float32)

    def _encode(self, arrays: Sequence[np.ndarray]) -> Latents:
        def compute(rows: slice) -> Latents:
            return self.model.encode(self.representation.batch(arrays[rows]).to(self.device)).cpu().numpy()

        with torch.inference_mode():
            return halved_to_fit(compute, len(arrays), np.concatenate)

    def inferred(self, latents: Latents) -> dict[str, np.ndarray]:
        """What the model says of items by their latents, such as `rates`: arrays [item ...] by name."""
        model = self.model
        if not isinstance(model, InfersArrays) or not len(latents):
            return {}

        def compute(part: Latents) -> dict[str, np.ndarray]:
            def of_rows(rows: slice) -> dict[str, np.ndarray]:
                return {name: one.cpu().numpy() for name, one in model.inferred(self._tensor(part[rows])).items()}

            with torch.inference_mode():
                return halved_to_fit(of_rows, len(part), _joined)

        chunks = self._chunks(len(latents))
        return _joined(list(map_threaded(lambda rows: compute(latents[rows]), chunks, self.threads)))

    def _chunks(self, count: int) -> list[slice]:
        """Rows that are computed together; their number is fixed, because rounding depends on it."""
        size = self.cpu_rows if self.device == "cpu" else COMPUTE_CHUNK
        return [slice(start, start + size) for start in range(0, count, size)]

    def decode_items(self, latents: Latents, condition: np.ndarray | None = None) -> list[Item | Refusal]:
        """Items or refusals. condition: standardized rows [item property], NaN where not given."""
        latents = np.asarray(latents, np.float32)
        if latents.ndim != 2 or latents.shape[1] != self.size:
            raise ShapeError(f"Expected latents [item {self.size}], got {list(latents.shape)}.")
        return self._items(self.decode_batch, latents, condition)

    def draft_items(self, latents: Latents) -> list[Item | Refusal]:
        """As `decode_items`, but several times faster where the model can: more are refused, and fewer are the items
        whose latents these are. For searches, which judge each item and not its latent."""
        if not isinstance(self.model, Drafts):
            return self.decode_items(latents)
        return self._items(partial(self.compute_batch, self.model.draft), latents, None)

    def generate_items(self, noise: Latents, condition: np.ndarray | None = None) -> list[Item | Refusal]:
        """Standard normal noise to items or refusals; as `decode_items(from_noise(noise))`, but faster."""
        return self._items(self.generate_batch, noise, condition)

    def _items(self, compute: Callable[..., Any], rows: Latents, condition: np.ndarray | None) -> list[Item | Refusal]:
        batches = map_threaded(
            lambda chunk: compute(rows[chunk], None if condition is None else condition[chunk]),
            self._chunks(len(rows)),
            self.threads,
        )
        return [item for batch in batches for item in self.representation.decode(batch)]

    def decode_batch(self, latents: Latents, condition: np.ndarray | None = None) -> Batch:
        """Decoded latents as a Batch on the CPU, for the representation to make items of."""
        accept, model = self._accept, self.model
        if accept is not None and isinstance(model, DecodesAccepted):
            return self.compute_batch(lambda rows, _: model.decode_accepted(rows, accept), latents, condition)
        return self.compute_batch(model.decode, latents, condition)

    def generate_batch(self, noise: Latents, condition: np.ndarray | None = None) -> Batch:
        """Standard normal noise to a Batch on the CPU, for the representation to make items of."""
        return self.compute_batch(self.model.generate, noise, condition, self._accept)

    def compute_batch(
        self, make: Callable[..., Batch], rows: Latents, condition: np.ndarray | None, *others: Accept | None
    ) -> Batch:
        """`make(rows, condition, *others)` on the device, in parts if memory is short; the Batch is on the CPU."""

        def compute(part: slice) -> Batch:
            asked = None if condition is None else condition[part]
            return make(self._tensor(rows[part]), self._condition(asked), *others).to("cpu")

        with torch.inference_mode():
            return halved_to_fit(compute, len(rows), concatenate)

    def parts(self, count: int) -> Iterator[tuple[int, slice]]:
        """(compute chunk, rows of it) of the first `count` draws. On a CPU chunks are split, and those of the first
        chunk grow, so that ten draws do not compute 512. The part of a row does not depend on `count`."""
        for chunk in range(-(-count // COMPUTE_CHUNK)):
            start, wanted = 0, min(COMPUTE_CHUNK, count - chunk * COMPUTE_CHUNK)
            while start < wanted:
                stop = min(start + self._part_size(chunk, start), COMPUTE_CHUNK)
                yield chunk, slice(start, stop)
                start = stop

    def _part_size(self, chunk: int, start: int) -> int:
        if self.device != "cpu":
            return COMPUTE_CHUNK
        # few at first, so that few results don't wait for many; then as many as there were before
        return self.cpu_rows if chunk else min(self.cpu_rows, max(FIRST_ROWS, start))

    def from_noise(self, noise: Latents, condition: np.ndarray | None = None) -> Latents:
        """Standard normal noise to latents of the (conditional) prior."""

        def compute(part: slice) -> Latents:
            asked = None if condition is None else condition[part]
            return self.model.sample(self._tensor(noise[part]), self._condition(asked), self._accept).cpu().numpy()

        with torch.inference_mode():
            return halved_to_fit(compute, len(noise), np.concatenate)

    def _rows(self, condition: Mapping[str, float] | None, count: int) -> np.ndarray | None:
        """One condition for `count` items, standardized; None without a condition."""
        if not condition:
            return None
        for name in condition:
            if name not in self.properties:
                raise unknown_name("condition", name, self.properties)
        return np.repeat(self.representation.condition(condition)[None], count, 0)

    def _condition(self, rows: np.ndarray | None) -> torch.Tensor | None:
        return None if rows is None else self._tensor(rows)

    def _tensor(self, values: np.ndarray) -> torch.Tensor:
        return torch.as_tensor(np.asarray(values, np.float32)).to(self.device)


def _joined(parts: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Arrays [item ...] by name of consecutive items."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
