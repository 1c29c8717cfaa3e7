"""Scans for the demo, as they come into an office: invoice, letter, contract, form, and what should not have come.

Names, numbers and amounts are invented. The same bytes at every call, so that a second demo finds everything done.
"""

import math
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from scripts.demo_pages import A4, LEFT, RIGHT, Sheet, render_image, render_locked, render_pdf

PASSWORD = "open sesame"  # noqa: S105 - guards a salary that nobody earns
VAT_PERCENT = 20

FIRM = "Harbour Archive Ltd"
STREET = "12 Quay Street, Leith EH6 6AA"
CLIENT = "Northgate Clinic\nAccounts payable\n4 Mill Lane\nEdinburgh EH3 9QG"
EMPLOYEE = "Ms Ines Morgenstern\n8 Ferry Road\nLeith EH6 4AF"
BANK = (
    "Forth Bank  ·  IBAN GB33 BUKB 2020 1555 5555 55  ·  VAT number GB 999 9999 73\n"
    "Registered in Scotland, number SC 000042"
)

GOODS = (
    # Quantity, description, price of one in pence.
    (4, "Shelving unit, galvanised, 90 x 40 cm", 8_900),
    (12, "Archive box, acid free, A4", 340),
    (250, "Hanging folder with label", 85),
    (6, "Document trolley, two decks", 14_250),
    (61, "Scanning, per thousand pages", 4_800),
    (1, "Delivery and assembly", 6_500),
)

LETTER = (
    "Your personnel files: our offer of 9 March",
    "Dear Ms Okafor,",
    "Thank you for your enquiry about digitising the personnel files of the Leith office. We have counted "
    "214 binders, about 61,000 pages, most of them single sided. Work could begin on 14 April and would take "
    "three weeks.",
    "Binders are collected in sealed containers and returned within five working days. Every page is read at "
    "300 dpi, checked for completeness and stored as a searchable document. Originals are never taken apart "
    "without your consent.",
    "Access to the rooms in which we work is limited to named members of staff, and a record of each visit is "
    "kept for two years. You are welcome to inspect both at any time.",
    "Please let us know by the end of the month whether the dates suit you. We look forward to working with you again.",
    "Yours sincerely,",
)

PARTIES = (
    "between Harbour Archive Ltd, 12 Quay Street, Leith (the contractor), and Northgate Clinic, 4 Mill Lane, "
    "Edinburgh (the client), concluded on 2 April 2026."
)
CONTRACT = (
    (
        "1. Subject",
        "The contractor collects, scans, indexes and returns the paper files of the client as listed in schedule A. "
        "The client keeps the list up to date and announces changes in writing.",
    ),
    (
        "2. Term",
        "This agreement begins on 1 May 2026 and runs for twelve months. It is renewed for a further year unless "
        "either party gives notice three months before its end.",
    ),
    (
        "3. Fees",
        "The client pays 0.06 per page, invoiced monthly and payable within thirty days. Collection and return are "
        "included for addresses within forty miles of Edinburgh.",
    ),
    (
        "4. Quality",
        "Pages are read at 300 dpi. Out of every thousand pages at most two may be missing, cut off or illegible; "
        "the contractor reads a container again, free of charge, when more are found.",
    ),
    (
        "5. Retention",
        "Paper stays sealed with the contractor for ninety days after delivery of the scans. It is then returned or, "
        "if the client so orders, destroyed under supervision and with a certificate.",
    ),
    (
        "6. Confidentiality",
        "Neither party discloses what it learns of the other's business, during the term and for five years after "
        "it. Members of staff are bound to secrecy in writing before they handle any file.",
    ),
    (
        "7. Liability",
        "The contractor is liable for the loss of originals up to the cost of their reconstruction, and insures "
        "every transport. Loss of profit is excluded except in cases of gross negligence.",
    ),
    (
        "8. Law",
        "This agreement is governed by the law of Scotland. Changes are made in writing; should one clause be void, "
        "the others stand.",
    ),
)
CLOSING = "Signed in two copies, one for each party."

FORM = (
    ("Family name", "Morgenstern"),
    ("Given name", "Ines"),
    ("Staff number", "40 2217"),
    ("Old address", "8 Ferry Road, Leith"),
    ("New address", "31 Park Terrace, Perth"),
    ("Valid from", "1 April 2026"),
)

PAYSLIP = (
    ("Basic salary", "2,940.00"),
    ("Allowance for late shifts", "118.50"),
    ("Income tax", "-412.30"),
    ("Paid to your account", "2,646.20"),
)


def draw_demo(folder: Path) -> None:
    """Nine files: seven that can be read, a duplicate and a blank page among them, one locked, one no document."""
    invoice = render_pdf([_draw_invoice()])
    contents = {
        "invoice-2041.pdf": invoice,
        "scan-0042.pdf": invoice,
        "letter.pdf": render_pdf([_draw_letter()]),
        "contracts/service-agreement.pdf": render_pdf(_draw_contract()),
        "delivery-note.tif": render_image(_draw_delivery_note(), "TIFF", compression="group4"),
        "form.png": render_image(_draw_form(), "PNG"),
        "blank.pdf": render_pdf([Image.new("1", A4, 1)]),
        "salary-statement.pdf": render_locked(render_pdf([_draw_payslip()]), PASSWORD),
        "minutes.pdf": b"Minutes of the meeting. Somebody saved this text under the wrong name.\n",
    }
    for name, content in contents.items():
        _write_where_different(folder / name, content)


def _write_where_different(path: Path, content: bytes) -> None:
    """Modification times stay as they are in a folder drawn before."""
    if not path.is_file() or path.read_bytes() != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _draw_invoice() -> Image.Image:
    sheet = _open_letter()
    sheet.pairs(1500, 620, (("Invoice", "2041"), ("Date", "9 March 2026"), ("Due", "8 April 2026")), 720)
    sheet.write(LEFT, 1010, "Invoice", 76, bold=True)
    lines = [(str(count), text, _money(pence), _money(count * pence)) for count, text, pence in GOODS]
    y = sheet.table(1160, (LEFT, 460, -1900, -RIGHT), [("Qty", "Description", "Price", "Amount"), *lines])
    net = sum(count * pence for count, _, pence in GOODS)
    vat = net * VAT_PERCENT // 100
    y = sheet.pairs(1500, y + 60, (("Net", _money(net)), (f"VAT {VAT_PERCENT} %", _money(vat))), 720)
    y = sheet.rule(y + 6, left=1500) + 20
    sheet.write(1500, y, "Total GBP", 54, bold=True)
    y = sheet.write(RIGHT, y, _money(net + vat), 54, bold=True, right=True)
    sheet.paragraphs(y + 160, ("Please pay within thirty days, stating the number of the invoice. Thank you.",))
    return sheet.scan(seed=1)


def _draw_letter() -> Image.Image:
    sheet = _open_letter()
    sheet.write(RIGHT, 620, "Leith, 12 March 2026", right=True)
    y = sheet.write(LEFT, 1080, LETTER[0], 52, bold=True)
    y = sheet.paragraphs(y + 60, LETTER[1:])
    sheet.sign(LEFT, y + 220, seed=11)
    sheet.write(LEFT, y + 240, "Rhona Sinclair\nHead of Collections")
    return sheet.scan(seed=2)


def _draw_contract() -> list[Image.Image]:
    """Two pages: the clauses run over, and the signatures stand on the second."""
    first, second = Sheet(), Sheet()
    y = first.write(LEFT, 300, "Service Agreement", 92, bold=True)
    y = first.rule(y + 20, width=6)
    y = first.paragraphs(y + 60, (PARTIES,))
    _write_clauses(first, y + 40, CONTRACT[:5])
    y = _write_clauses(second, 300, CONTRACT[5:])
    y = second.paragraphs(y + 40, (CLOSING,))
    for x, seed, party in ((LEFT, 12, FIRM), (1300, 14, CLIENT.split("\n", maxsplit=1)[0])):
        second.sign(x, y + 320, seed)
        second.write(x, y + 340, f"for {party}")
    for number, sheet in enumerate((first, second), start=1):
        sheet.write(RIGHT, 3300, f"Page {number} of 2", 38, right=True)
    return [first.scan(seed=3), second.scan(seed=4)]


def _draw_delivery_note() -> Image.Image:
    sheet = _open_letter()
    sheet.pairs(1500, 620, (("Delivery note", "7731"), ("Order", "5580"), ("Date", "6 March 2026")), 720)
    sheet.write(LEFT, 1010, "Delivery note", 76, bold=True)
    lines = [(f"{number}", text, str(count)) for number, (count, text, _) in enumerate(GOODS, start=1)]
    y = sheet.table(1160, (LEFT, 460, -RIGHT), [("Item", "Description", "Quantity"), *lines])
    y = sheet.paragraphs(y + 100, ("Received complete and without visible damage, loading bay 2.",))
    sheet.sign(LEFT, y + 260, seed=15)
    sheet.write(LEFT, y + 280, "Signature of the recipient", 38)
    return sheet.scan(seed=5)


def _draw_form() -> Image.Image:
    sheet = Sheet()
    sheet.write(LEFT, 260, "Change of Address", 92, bold=True)
    y = sheet.rule(sheet.write(LEFT, 400, f"{FIRM}, Human Resources. Please use capital letters.", 40), width=6) + 70
    for question, answer in FORM:
        sheet.write(LEFT, y + 30, question)
        sheet.pen.rectangle((900, y, RIGHT, y + 110), outline=0, width=4)
        sheet.write(940, y + 30, answer.upper(), 50)
        y += 170
    for x, label, ticked in ((900, "by post", False), (1400, "by electronic mail", True)):
        sheet.tick_box(x, y + 30, label, ticked=ticked)
    sheet.write(LEFT, y + 30, "Confirm the change")
    sheet.sign(1500, y + 420, seed=16)
    sheet.write(1500, y + 440, "Date and signature", 38)
    return sheet.scan(seed=6)


def _draw_payslip() -> Image.Image:
    sheet = _open_letter(EMPLOYEE)
    sheet.write(LEFT, 1010, "Salary statement, February 2026", 76, bold=True)
    sheet.table(1160, (LEFT, -RIGHT), [("Item", "Amount"), *PAYSLIP])
    return sheet.scan(seed=7)


def _open_letter(recipient: str = CLIENT) -> Sheet:
    """Letterhead, sender and recipient as a window envelope shows them, bank details at the foot."""
    sheet = Sheet()
    sheet.pen.rounded_rectangle((LEFT, 210, LEFT + 170, 380), radius=30, fill=0)
    for y in (265, 300, 335):
        sheet.pen.line([(LEFT + 25 + t, y + 12 * math.sin(t / 10)) for t in range(121)], fill=255, width=9)
    sheet.write(LEFT + 220, 225, FIRM, 84, bold=True)
    sheet.write(LEFT + 220, 330, f"{STREET}  ·  +44 131 496 0123", 40)
    sheet.rule(430, width=5)
    sheet.write(LEFT, 540, f"{FIRM}, {STREET}", 30)
    sheet.rule(582, right=LEFT + 760, width=2)
    sheet.write(LEFT, 620, recipient)
    sheet.rule(3210, width=2)
    sheet.write(LEFT, 3240, BANK, 34)
    return sheet


def _write_clauses(sheet: Sheet, y: int, clauses: Sequence[tuple[str, str]]) -> int:
    for title, text in clauses:
        y = sheet.write(LEFT, y, title, 52, bold=True)
        y = sheet.paragraphs(y, (text,)) + 20
    return y


def _money(pence: int) -> str:
    return f"{pence / 100:,.2f}"
