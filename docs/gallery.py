"""The pictures of the gallery: `python docs/gallery.py [NAME ...]`, or `make gallery`.

Runs the commands of each section of gallery.md, all in one temporary folder, and keeps the pictures that they write as
one thumbnail.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

PAGE = Path(__file__).with_name("gallery.md")
WIDTH = 640
SECTION = re.compile(r"^### .*?(?=^##|\Z)", re.DOTALL | re.MULTILINE)
BLOCK = re.compile(r"^```(python|bash)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def draw(section: str, folder: Path) -> Image.Image:
    """Run the commands of a section. Returns the pictures that they wrote, one below the other."""
    for kind, text in BLOCK.findall(section):
        program = [sys.executable, "-c", text] if kind == "python" else ["bash", "-ec", text]
        subprocess.run(program, cwd=folder, check=True)
    names = re.findall(r"-o (\S+\.png)$", section, re.MULTILINE)
    pictures = [cropped(Image.open(folder / name).convert("RGB")) for name in names]
    joined = Image.new("RGB", (max(p.width for p in pictures), sum(p.height for p in pictures)), "white")
    top = 0
    for picture in pictures:
        joined.paste(picture, (0, top))
        top += picture.height
    return joined.resize((WIDTH, round(joined.height * WIDTH / joined.width)), Image.Resampling.LANCZOS)


def cropped(picture: Image.Image) -> Image.Image:
    """Without the white rows below the last item."""
    box = Image.eval(picture.convert("L"), lambda value: 255 - value).getbbox()
    return picture if box is None else picture.crop((0, 0, picture.width, min(box[3] + 12, picture.height)))


def main(names: list[str]) -> None:
    """Draw all thumbnails, or those of these names; a section may use files of the one before it."""
    with tempfile.TemporaryDirectory() as folder:
        for section in SECTION.findall(PAGE.read_text("utf-8")):
            name = re.search(r"\]\(gallery/(\S+)\.webp\)", section)
            if name is not None and (not names or name[1] in names):
                target = PAGE.parent / "gallery" / f"{name[1]}.webp"
                target.parent.mkdir(exist_ok=True)
                draw(section, Path(folder)).save(target, quality=72, method=6)
                print(f"{target}: {target.stat().st_size / 1000:.1f} kB", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
