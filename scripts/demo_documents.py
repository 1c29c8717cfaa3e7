"""Scans for the demo, drawn by code: letterhead, table, form, a little askew and noisy, as from an office scanner.

The same bytes at every call, so that a second demo finds everything done.
"""

import io
import random
from collections.abc import Sequence
from pathlib import Path

import img2pdf
import pikepdf
from PIL import Image, ImageDraw, ImageFont

DPI = 300
A4 = (2480, 3508)
MARGIN = 260
SPECKS_PER_PAGE = 400
SKEW_DEGREES = 0.4

INVOICE_ROWS = (
    ("4", "Shelving unit, galvanised, 90 x 40 cm", "89.00", "356.00"),
    ("12", "Archive box, acid free, A4", "3.40", "40.80"),
    ("1", "Delivery and assembly", "65.00", "65.00"),
)
LETTER = (
    "Dear Ms Okafor,",
    "",
    "Thank you for your enquiry of 3 March about digitising the personnel",
    "files of the Leith office. We have counted 214 binders, about 61,000",
    "pages, most of them single sided. Work could begin on 14 April and",
    "would take three weeks.",
    "",
    "Binders are collected in sealed containers and returned within five",
    "working days. Every page is read at 300 dpi; originals are never",
    "taken apart without your consent.",
    "",
    "Please let us know by the end of the month whether the dates suit you.",
    "",
    "Yours sincerely,",
)
CONTRACT = (
    (
        "SERVICE AGREEMENT",
        "between Harbour Archive Ltd, 12 Quay Street, and Northgate Clinic",
        "",
        "1. Subject. The contractor scans, indexes and returns the paper files",
        "   of the client as listed in schedule A.",
        "2. Term. This agreement begins on 1 May and runs for twelve months.",
        "   It is renewed unless either party gives notice of three months.",
        "3. Fees. The client pays 0.06 per page, invoiced monthly, payable",
        "   within thirty days.",
    ),
    (
        "4. Confidentiality. Neither party discloses what it learns of the",
        "   other's business, during the term and for five years after it.",
        "5. Liability. The contractor is liable for loss of originals up to",
        "   the cost of their reconstruction.",
        "6. Law. This agreement is governed by the law of Scotland.",
        "",
        "Signed in two copies,",
        "",
        "______________________          ______________________",
        "for Harbour Archive Ltd         for Northgate Clinic",
    ),
)


def draw_demo(folder: Path) -> None:
    """Nine files: seven documents of several kinds, a duplicate among them, and two that cannot be read."""
    (folder / "contracts").mkdir(parents=True, exist_ok=True)
    invoice = _as_pdf([_draw_invoice()])
    contents = {
        "invoice-2041.pdf": invoice,
        "scan-0042.pdf": invoice,
        "letter.pdf": _as_pdf([_draw_page("HARBOUR ARCHIVE LTD", LETTER, seed=2)]),
        "contracts/service-agreement.pdf": _as_pdf(
            [_draw_page("", page, seed=number) for number, page in enumerate(CONTRACT, start=3)]
        ),
        "delivery-note.tif": _as_tiff(_draw_page("DELIVERY NOTE 7731", _delivery_lines(), seed=5)),
        "form.png": _as_png(_draw_form()),
        "blank.pdf": _as_pdf([Image.new("1", A4, 1)]),
        "minutes.pdf": b"Minutes of the meeting. Somebody saved this text under the wrong name.\n",
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    locked = folder / "salary-statement.pdf"
    if not locked.exists():  # Its encryption key is random: drawn again it would be another document.
        locked.write_bytes(_encrypt(_as_pdf([_draw_page("SALARY STATEMENT", LETTER[:4], seed=6)])))


def _draw_invoice() -> Image.Image:
    page, pen = _open_page()
    _write(pen, (MARGIN, 240), "HARBOUR ARCHIVE LTD", 84)
    _write(pen, (MARGIN, 350), "12 Quay Street, Leith EH6 6AA", 46)
    _write(pen, (MARGIN, 620), "Northgate Clinic\nAccounts payable\n4 Mill Lane\nEdinburgh", 50)
    _write(pen, (1560, 620), "Invoice      2041\nDate         2026-03-09\nDue          2026-04-08", 50)
    top = 1100
    _draw_table(pen, top, (("Qty", "Description", "Price", "Amount"), *INVOICE_ROWS))
    for number, (label, amount) in enumerate((("Net", "461.80"), ("VAT 20 %", "92.36"), ("Total", "554.16"))):
        _write(pen, (1500, top + 520 + 90 * number), label, 52)
        _write(pen, (1980, top + 520 + 90 * number), amount, 52)
    _write(pen, (MARGIN, 2300), "Please pay to GB33 BUKB 2020 1555 5555 55, stating the invoice number.", 46)
    return _age(page, seed=1)


def _draw_table(pen: ImageDraw.ImageDraw, top: int, rows: Sequence[Sequence[str]]) -> None:
    columns = (MARGIN, MARGIN + 180, 1620, 1960)
    for number, row in enumerate(rows):
        y = top + 100 * number
        for x, cell in zip(columns, row, strict=True):
            _write(pen, (x + 20, y + 20), cell, 50)
        pen.line((MARGIN, y + 100, A4[0] - MARGIN, y + 100), fill=0, width=5 if number == 0 else 2)


def _draw_page(heading: str, lines: Sequence[str], seed: int) -> Image.Image:
    page, pen = _open_page()
    _write(pen, (MARGIN, 260), heading, 80)
    _write(pen, (MARGIN, 560), "\n".join(lines), 54)
    return _age(page, seed)


def _draw_form() -> Image.Image:
    page, pen = _open_page()
    _write(pen, (MARGIN, 260), "CHANGE OF ADDRESS", 80)
    answers = (
        ("Name", "Ines Morgenstern"),
        ("Old address", "8 Ferry Road, Leith"),
        ("New address", "31 Park Terrace, Perth"),
    )
    for number, (question, answer) in enumerate(answers):
        y = 600 + 220 * number
        _write(pen, (MARGIN, y), question, 48)
        pen.rectangle((880, y - 30, A4[0] - MARGIN, y + 100), outline=0, width=4)
        _write(pen, (920, y), answer, 56)
    return _age(page, seed=7)


def _delivery_lines() -> list[str]:
    return [
        "To: Northgate Clinic, loading bay 2",
        "",
        *(f"{row[0]} x {row[1]}" for row in INVOICE_ROWS),
        "",
        "Received complete.",
    ]


def _open_page() -> tuple[Image.Image, ImageDraw.ImageDraw]:
    page = Image.new("L", A4, 255)
    return page, ImageDraw.Draw(page)


def _write(pen: ImageDraw.ImageDraw, place: tuple[int, int], text: str, size: int) -> None:
    pen.multiline_text(place, text, font=ImageFont.load_default(size=size), fill=0, spacing=size // 2)


def _age(page: Image.Image, seed: int) -> Image.Image:
    """What a scanner adds: a slight turn, specks, and black or white only."""
    chance = random.Random(seed)  # noqa: S311 - specks, not secrets
    turned = page.rotate(chance.uniform(-SKEW_DEGREES, SKEW_DEGREES), Image.Resampling.BILINEAR, fillcolor=255)
    pen = ImageDraw.Draw(turned)
    for _ in range(SPECKS_PER_PAGE):
        x, y = chance.randrange(A4[0]), chance.randrange(A4[1])
        pen.rectangle((x, y, x + chance.randrange(3), y + chance.randrange(3)), fill=0)
    return turned.convert("1", dither=Image.Dither.NONE)


def _as_png(page: Image.Image) -> bytes:
    buffer = io.BytesIO()
    page.save(buffer, "PNG", dpi=(DPI, DPI))
    return buffer.getvalue()


def _as_tiff(page: Image.Image) -> bytes:
    buffer = io.BytesIO()
    page.save(buffer, "TIFF", compression="group4", dpi=(DPI, DPI))
    return buffer.getvalue()


def _as_pdf(pages: Sequence[Image.Image]) -> bytes:
    layout = img2pdf.get_fixed_dpi_layout_fun((DPI, DPI))
    content = img2pdf.convert(*map(_as_png, pages), layout_fun=layout, nodate=True, producer="demo")
    buffer = io.BytesIO()
    with pikepdf.open(io.BytesIO(content)) as pdf:
        del pdf.trailer.ID  # Its first half is random and would be kept.
        pdf.save(buffer, deterministic_id=True)
    return buffer.getvalue()


def _encrypt(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with pikepdf.open(io.BytesIO(content)) as pdf:
        pdf.save(buffer, encryption=pikepdf.Encryption(user="open sesame", owner="open sesame"))
    return buffer.getvalue()
