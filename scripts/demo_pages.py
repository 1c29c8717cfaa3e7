"""Paper, pen and scanner of the demo: pages a little askew and specked, as an office scanner hands them on.

Lengths are pixels at 300 dpi. The typeface is the one inside Pillow: the machine's fonts never show in the bytes.
"""

import io
import math
import random
import textwrap
from collections.abc import Sequence

import img2pdf
import pikepdf
from PIL import Image, ImageDraw, ImageFont

DPI = 300
A4 = (2480, 3508)
LEFT, RIGHT = 260, 2220
BODY = 46  # 11 pt.
LINE = 70
SKEW_DEGREES = 0.6
SPECKS_PER_PAGE = 200


class Sheet:
    """A white page with a pen; y grows downwards, and what a method returns is the y below what it drew."""

    def __init__(self) -> None:
        self.image = Image.new("L", A4, 255)
        self.pen = ImageDraw.Draw(self.image)

    def write(self, x: int, y: int, text: str, size: int = BODY, *, bold: bool = False, right: bool = False) -> int:
        """The typeface has no bold cut; a stroke around the letters stands in for it."""
        self.pen.multiline_text(
            (x, y),
            text,
            fill=0,
            font=ImageFont.load_default(size=size),
            anchor="ra" if right else "la",
            spacing=LINE - BODY,
            stroke_width=1 if bold else 0,
        )
        return y + (text.count("\n") + 1) * (size + LINE - BODY)

    def rule(self, y: int, *, left: int = LEFT, right: int = RIGHT, width: int = 3) -> int:
        self.pen.line((left, y, right, y), fill=0, width=width)
        return y + width

    def paragraphs(self, y: int, texts: Sequence[str], columns: int = 90) -> int:
        for text in texts:
            y = self.write(LEFT, y, textwrap.fill(text, columns)) + LINE // 2
        return y

    def pairs(self, x: int, y: int, pairs: Sequence[tuple[str, str]], width: int) -> int:
        """Names at the left, values at the right edge of a block `width` pixels wide."""
        for name, value in pairs:
            self.write(x, y, name)
            y = self.write(x + width, y, value, right=True)
        return y

    def table(self, y: int, stops: Sequence[int], rows: Sequence[Sequence[str]]) -> int:
        """The first row is the heading; a stop counts from the left edge, a negative one ends a column of numbers."""
        y = self.rule(y, width=6)
        for number, row in enumerate(rows):
            for stop, cell in zip(stops, row, strict=True):
                self.write(abs(stop), y + 24, cell, bold=number == 0, right=stop < 0)
            y = self.rule(y + 100, width=6 if number in {0, len(rows) - 1} else 2)
        return y

    def tick_box(self, x: int, y: int, label: str, *, ticked: bool) -> None:
        self.pen.rectangle((x, y, x + 50, y + 50), outline=0, width=4)
        if ticked:
            self.pen.line((x + 8, y + 25, x + 22, y + 42, x + 56, y - 12), fill=0, width=8)
        self.write(x + 80, y, label)

    def sign(self, x: int, y: int, seed: int) -> None:
        """A scrawl and the line below it, 600 pixels wide."""
        chance = random.Random(seed)  # noqa: S311 - a scrawl, not a secret
        speeds = [chance.uniform(0.15, 0.5) for _ in range(3)]
        curve = [
            (x + 40 + 4 * t + 40 * math.sin(t * speeds[0]), y - 70 + 45 * math.sin(t * speeds[1]) * math.cos(t / 30))
            for t in range(110)
        ]
        self.pen.line(curve, fill=0, width=6, joint="curve")
        self.rule(y, left=x, right=x + 600)

    def scan(self, seed: int) -> Image.Image:
        """What a scanner adds: a slight turn, specks, and black or white only."""
        chance = random.Random(seed)  # noqa: S311 - specks, not secrets
        angle = chance.choice((-1, 1)) * chance.uniform(SKEW_DEGREES / 3, SKEW_DEGREES)
        turned = self.image.rotate(angle, Image.Resampling.BILINEAR, fillcolor=255)
        pen = ImageDraw.Draw(turned)
        for _ in range(SPECKS_PER_PAGE):
            x, y = chance.randrange(A4[0]), chance.randrange(A4[1])
            pen.rectangle((x, y, x + chance.randrange(2), y + chance.randrange(2)), fill=0)
        return turned.convert("1", dither=Image.Dither.NONE)


def render_image(page: Image.Image, format_name: str, **options: str) -> bytes:
    buffer = io.BytesIO()
    page.save(buffer, format_name, dpi=(DPI, DPI), **options)
    return buffer.getvalue()


def render_pdf(pages: Sequence[Image.Image]) -> bytes:
    layout = img2pdf.get_fixed_dpi_layout_fun((DPI, DPI))
    images = [render_image(page, "PNG") for page in pages]
    content = img2pdf.convert(*images, layout_fun=layout, nodate=True, producer="office scanner")
    buffer = io.BytesIO()
    with pikepdf.open(io.BytesIO(content)) as pdf:
        del pdf.trailer.ID  # Its first half is random and would be kept.
        pdf.save(buffer, deterministic_id=True)
    return buffer.getvalue()


def render_locked(content: bytes, password: str) -> bytes:
    """Newer encryptions than revision 3 begin with random bytes: drawn again, it would be another document."""
    weak = pikepdf.Encryption(user=password, owner=password, R=3, aes=False, metadata=False)
    buffer = io.BytesIO()
    with pikepdf.open(io.BytesIO(content)) as pdf:
        pdf.save(buffer, encryption=weak, static_id=True)
    return buffer.getvalue()
