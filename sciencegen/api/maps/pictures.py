"""Pictures of items as files of images."""

from __future__ import annotations

import base64
import html
import re
from dataclasses import dataclass

from sciencegen.domains.base import Domain
from sciencegen.items import Item

WIDTH, HEIGHT = 240, 170
"""Pixels."""
_INLINE = re.compile(r"""<img[^>]*?src=["']data:(image/[a-z+]+);base64,([^"']+)["']""")
_NAMESPACE = 'xmlns="http://www.w3.org/2000/svg"'


@dataclass(frozen=True)
class Picture:
    """kind: such as image/png."""

    kind: str
    content: bytes

    @property
    def address(self) -> str:
        """The picture as a `data:` address."""
        return f"data:{self.kind};base64,{base64.b64encode(self.content).decode()}"


def picture_of(domain: Domain, item: Item, width: int = WIDTH, height: int = HEIGHT) -> Picture:
    """The picture of an item by its domain, an SVG or one of the formats of images."""
    markup = domain.render(item, width, height)
    if (found := _INLINE.search(markup)) is not None:
        return Picture(found[1], base64.b64decode(html.unescape(found[2])))
    if _NAMESPACE not in markup and "xmlns='http://www.w3.org/2000/svg'" not in markup:
        markup = markup.replace("<svg", f"<svg {_NAMESPACE}", 1)
    return Picture("image/svg+xml", markup.encode())
