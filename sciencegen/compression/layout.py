"""What a stream holds, piece by piece, each in its place, and what of it is lost: known before anything is unpacked."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from sciencegen.compression.images import ImagePlan, image_plan
from sciencegen.compression.parts import Member
from sciencegen.compression.stream import (
    BYTES,
    CHUNK,
    IMAGE,
    MEMBER,
    MOST_UNPACKED,
    Block,
    MemberRecord,
    Stream,
    json_of,
    typed,
)  # fmt: skip
from sciencegen.errors import DataError

SMALL = 1 << 24
"""Bytes in place of lost ones that a file of any size may have."""


@dataclass(frozen=True)
class Bytes:
    """Bytes as they are. block: None if they are lost: zeros stand in their place, and their size is known. size: their
    number, None if it isn't known. name: in messages."""

    block: Block | None
    size: int | None
    name: str


@dataclass(frozen=True)
class Image:
    """An image. chunks: None for those that are lost. name: in messages."""

    plan: ImagePlan
    chunks: tuple[Block | None, ...]
    name: str

    def name_of(self, number: int) -> str:
        """A chunk in messages."""
        return f"chunk {number + 1} of {len(self.chunks)} of {self.name} ({self.plan.place_of(number)})"


Piece = Member | Bytes | Image


class Layout:
    """The pieces of a stream in order. lost: those that can't be restored, in words.

    Where the place of what follows isn't known, it is left out up to the next member.
    """

    def __init__(self, stream: Stream) -> None:
        self.pieces, self.lost = list[Piece](), list[str]()
        self._stream, self._next, self._images, self._filled = stream, 1, 0, 0
        self._names, self._of_member = set[str](), ""
        self._members = sorted(number for number, kind in stream.kinds.items() if kind == MEMBER)
        self._others = sorted(number for number, kind in stream.kinds.items() if kind != CHUNK)
        if 0 not in stream.blocks:
            self.lost.append("the header that was written")
        readers = {MEMBER: self._read_member, BYTES: self._read_bytes, IMAGE: self._read_image}
        while self._next < stream.count:
            number, self._next = self._next, self._next + 1
            kind = stream.kinds.get(number, b"")
            is_outside = stream.header.container == "zip" and kind != MEMBER and not self._names
            if is_outside or kind not in readers or not readers[kind](number):
                self._next = self._following(self._members, number)
                last = f" to {self._next - 1}" if self._next - 1 > number else ""
                self.lost.append(f"block {number}{last}{self._of_member}, whose place isn't known")
        if stream.end is None:
            self.lost.append("the end of the file")

    def _following(self, numbers: list[int], number: int) -> int:
        """The first of sorted numbers after one, or the end of the file."""
        place = bisect_right(numbers, number)
        return numbers[place] if place < len(numbers) else self._stream.count

    def _read_member(self, number: int) -> bool:
        """As the others: take the blocks from a number on; whether the place of what follows is known."""
        stream, count = self._stream, len(self._names) + 1
        if stream.header.container != "zip":
            return False
        name, reason = f"lost_name_{count}.npy", "damaged or missing"
        try:
            if number in stream.blocks:
                found = typed(MemberRecord, json_of(stream.content(stream.blocks[number]))).name
                name, reason = (name, f"{found} stands twice") if found in self._names else (found, "")
        except DataError as error:
            reason = str(error)
        if reason:
            self.lost.append(f"the name of member {count}, which is called {name} here ({reason})")
        self._names.add(name)
        self._of_member = f" of {name}"
        most = stream.end.total if stream.end is not None else MOST_UNPACKED * stream.size
        self.pieces.append(Member(name, most))
        return True

    def _read_bytes(self, number: int) -> bool:
        block, size = self._stream.blocks.get(number), self._stream.size_of(number)
        name = f"block {number}, {'bytes' if size is None else f'{size} bytes'} as they are{self._of_member}"
        if block is None:
            return self._lose(name, size)
        self.pieces.append(Bytes(block, size, name))
        return True

    def _lose(self, name: str, size: int | None) -> bool:
        """Say what is lost; what follows can be put into its place if its size is known."""
        self.lost.append(name)
        if size is None or not self._can_fill(size):
            return False
        self.pieces.append(Bytes(None, size, name))
        return True

    def _can_fill(self, size: int) -> bool:
        """Whether a file of this length may claim so many bytes that it doesn't have, besides those before."""
        self._filled += size
        return self._filled <= max(SMALL, MOST_UNPACKED * self._stream.size)

    def _read_image(self, number: int) -> bool:
        self._images += 1
        stream, name, size = self._stream, f"image {self._images}", self._stream.size_of(number)
        self._next = behind = self._following(self._others, number)
        try:
            plan = image_plan(json_of(stream.content(stream.blocks[number]))) if number in stream.blocks else None
        except DataError as error:
            return self._lose(f"{name}{self._of_member} ({error})", size)
        if plan is None:
            return self._lose(f"{name}{self._of_member}, whose description is damaged or missing", size)
        name = f"{name} {list(plan.shape)}{self._of_member}"
        count, found = plan.chunk_count(), behind - number - 1
        is_known = stream.end is not None or not stream.numbered  # of each block what it is
        is_cut = stream.end is None and behind == stream.count
        fits = found == count or (is_cut if found < count else not is_known)
        numbers = range(number + 1, number + 1 + count)
        is_whole = fits and count <= len(stream.blocks) and all(one in stream.blocks for one in numbers)
        if size not in (None, plan.bytes) or not (is_whole or self._can_fill(plan.bytes)):
            return self._lose(f"{name}, which claims {plan.bytes} bytes that the file can't hold", size)
        if not fits:
            self.lost.append(f"{name}, of which {found} chunks are there instead of {count}")
            self.pieces.append(Image(plan, (None,) * count, name))
            return True
        self._next = min(behind, numbers.stop)
        image = Image(plan, tuple(stream.blocks.get(one) for one in numbers), name)
        lost = [place for place, block in enumerate(image.chunks) if block is None]
        self.lost += [f"all chunks of {name}"] if len(lost) == count > 1 else [image.name_of(place) for place in lost]
        self.pieces.append(image)
        return True
