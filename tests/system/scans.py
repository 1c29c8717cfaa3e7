"""One-page scans with a text of their own each, drawn fast: what a batch of many documents is made of in tests."""

import io
from pathlib import Path

import img2pdf
from PIL import Image, ImageDraw, ImageFont

SIZE = (1240, 600)  # Half a page of A4 at 150 dpi: enough for a few lines, cheap to read.


def draw_scans(folder: Path, count: int, seed: int) -> None:
    """`count` image-only PDFs; other seeds give other documents."""
    folder.mkdir(parents=True)
    font = ImageFont.load_default(size=40)
    for number in range(count):
        image = Image.new("1", SIZE, 1)
        lines = (
            f"Delivery note {seed}-{number}\nReceived in good order\n{number + 3} boxes of paper\nSigned by the clerk"
        )
        ImageDraw.Draw(image).multiline_text((90, 90), lines, font=font, fill=0, spacing=24)
        buffer = io.BytesIO()
        image.save(buffer, "PNG", dpi=(150, 150))
        (folder / f"note-{number:03}.pdf").write_bytes(img2pdf.convert(buffer.getvalue()) or b"")
