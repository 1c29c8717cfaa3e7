"""What a PDF carries beside its pages: signatures, invoices, forms, scripts, attachments, media."""

from dataclasses import dataclass, field

import pikepdf

from shared.outcomes import Finding
from shared.preflight.streams import read_name

# Factur-X 1.07, ZUGFeRD 1.0 and 2.x, XRechnung, Order-X; case varies between producers.
INVOICE_NAMES = frozenset(
    {"factur-x.xml", "zugferd-invoice.xml", "xrechnung.xml", "order-x.xml", "cii.xml", "ubl.xml", "cida.xml"}
)
_MEDIA = frozenset({"/Movie", "/Screen", "/Sound", "/RichMedia", "/3D"})


@dataclass
class Features:
    """Collected while every object of the file passes by once."""

    signed: bool = False
    javascript: bool = False
    media: set[str] = field(default_factory=set)
    attachments: set[str] = field(default_factory=set)
    """File names, lower case."""
    fields: int = 0

    def note(self, item: pikepdf.Dictionary) -> None:
        """One dictionary of the file. Values may be of any type: damaged files put anything anywhere."""
        if "/ByteRange" in item and "/Contents" in item:
            self.signed = True
        if read_name(item.get("/FT")) == "/Sig" and isinstance(item.get("/V"), pikepdf.Dictionary):
            self.signed = True
        if "/JS" in item or read_name(item.get("/S")) == "/JavaScript":
            self.javascript = True
        if "/FT" in item:
            self.fields += 1
        if isinstance(item.get("/EF"), pikepdf.Dictionary):
            self.attachments.add(_find_name(item))
        subtype = read_name(item.get("/Subtype"))
        if subtype in _MEDIA and "/Rect" in item:
            self.media.add(subtype.removeprefix("/"))
        self._note_direct_actions(item)

    def _note_direct_actions(self, item: pikepdf.Dictionary) -> None:
        for key in ("/A", "/OpenAction", "/AA", "/V", "/FS"):
            value = item.get(key)
            if isinstance(value, pikepdf.Dictionary) and not value.is_indirect:
                self.note(value)

    @property
    def invoice(self) -> str | None:
        """The name of the embedded invoice."""
        return next((name for name in sorted(self.attachments) if is_invoice_name(name)), None)

    def findings(self) -> list[Finding]:
        found = []
        if self.signed:
            found.append(Finding("signed", "carries a digital signature; the original bytes are kept"))
        if self.invoice:
            found.append(Finding("einvoice", f"embeds {self.invoice}; the original bytes are kept"))
        if self.javascript:
            found.append(Finding("javascript", "contains JavaScript"))
        if self.attachments:
            found.append(Finding("attachments", f"{len(self.attachments)} embedded file(s)"))
        if self.media:
            found.append(Finding("media", ", ".join(sorted(self.media))))
        if self.fields:
            found.append(Finding("form", f"{self.fields} form field(s)"))
        return found


def is_invoice_name(name: str) -> bool:
    lower = name.lower()
    return lower in INVOICE_NAMES or (lower.endswith(".xml") and ("zugferd" in lower or "factur" in lower))


def _find_name(specification: pikepdf.Dictionary) -> str:
    for key in ("/UF", "/F"):
        value = specification.get(key)
        if isinstance(value, pikepdf.String):
            return str(value).replace("\\", "/").rsplit("/", 1)[-1].lower()
    return ""
