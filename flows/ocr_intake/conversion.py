"""OCRmyPDF in this process, and what its exceptions mean for a document."""

import errno
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import ocrmypdf
import pikepdf
from ocrmypdf import exceptions as fault
from ocrmypdf._plugin_manager import OcrmypdfPluginManager
from PIL import Image

from shared.errors import ConfigError, DocumentError, MailroomError
from shared.outcomes import Reason

REASONS: tuple[tuple[type[Exception], Reason, str], ...] = (
    (fault.EncryptedPdfError, Reason.ENCRYPTED, "The document is encrypted; supply an unlocked copy."),
    (pikepdf.PasswordError, Reason.ENCRYPTED, "The document opens with a password only; supply an unlocked copy."),
    (fault.DigitalSignatureError, Reason.SIGNED, "The document is signed, and a text layer would break the signature."),
    (
        fault.NonEmbeddedFontsError,
        Reason.FONT_MISSING,
        "The document uses Asian fonts that it does not contain; supply a copy with embedded fonts.",
    ),
    (
        fault.UnsupportedImageFormatError,
        Reason.IMAGE_UNSUPPORTED,
        "The image is of a kind that cannot be put into a PDF; convert it to TIFF, PNG or JPEG.",
    ),
    (fault.DpiError, Reason.IMAGE_UNSUPPORTED, "The image states no credible resolution; set assume_dpi."),
    (
        Image.DecompressionBombError,
        Reason.BOMB,
        "An image would unpack to more pixels than the budget allows; scan at a lower resolution.",
    ),
    (
        pikepdf.UnsupportedImageTypeError,
        Reason.IMAGE_UNSUPPORTED,
        "An image in the document is of a kind that cannot be read; print the document to a new PDF.",
    ),
    (
        pikepdf.DependencyError,
        Reason.UNSUPPORTED_FILTER,
        "The content of a page is compressed in a way that no reader here knows; print it to a new PDF.",
    ),
    (pikepdf.DataDecodingError, Reason.DAMAGED, "The content of a page is damaged; ask for an intact copy."),
    (fault.InputFileError, Reason.DAMAGED, "The structure of the document is damaged; ask for an intact copy."),
    (fault.SubprocessOutputError, Reason.DAMAGED, "A page could not be drawn; ask for an intact copy."),
    (pikepdf.PdfError, Reason.DAMAGED, "The structure of the document is damaged; ask for an intact copy."),
    (RecursionError, Reason.DAMAGED, "The document is nested deeper than any reader goes; print it to a new PDF."),
)
"""First match wins: subclasses stand before their bases."""
MAX_OCR_MEGAPIXELS = 40
"""A3 at 450 dpi; above, Tesseract costs memory and time and reads no better."""
CONFIGURATION = (fault.MissingDependencyError, fault.TesseractConfigError, fault.BadArgsError)
ABOUT_THE_HOST = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EROFS, errno.ESTALE}
)


def convert(
    source: Path,
    target: Path,
    manager: OcrmypdfPluginManager,
    *,
    mode: str,
    page_indexes: Collection[int] | None = None,
) -> None:
    """Adds a text layer to the pages named, or to those that the mode chooses. Raises DocumentError."""
    pages = ",".join(str(index + 1) for index in sorted(page_indexes)) if page_indexes is not None else None
    with typed_errors():
        ocrmypdf.ocr(
            source,
            target,
            mode=mode,
            pages=pages,
            output_type="pdf",
            rasterizer="pypdfium",
            optimize=0,
            max_ocr_image_mpixels=MAX_OCR_MEGAPIXELS,
            jobs=1,
            use_threads=True,
            progress_bar=False,
            # A signature field without a signature counts as one; real ones never come here.
            invalidate_digital_signatures=True,
            plugin_manager=manager,
        )


@contextmanager
def typed_errors() -> Iterator[None]:
    """Around calls into libraries that raise anything at all on hostile input."""
    try:
        yield
    except (MailroomError, MemoryError):
        raise
    except CONFIGURATION as error:
        raise ConfigError(f"OCRmyPDF cannot work as it is set up here: {error}") from error
    except Exception as error:
        # Broad on purpose: on damaged documents the libraries raise TypeError, KeyError, struct.error and more.
        host = find_host_error(error)
        if host is not None:
            raise host from error
        raise name_fault(error) from error


def find_host_error(error: BaseException) -> OSError | None:
    """The full disk behind an exception that blames the document."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.errno in ABOUT_THE_HOST:
            return seen
        seen = seen.__cause__ or seen.__context__
    return None


def name_fault(error: Exception) -> DocumentError:
    for kind, reason, found in REASONS:
        if isinstance(error, kind):
            return DocumentError(reason, found, depends_on=("engine.ocrmypdf", "mode"))
    return DocumentError(
        Reason.DAMAGED,
        f"The document holds values where none can be (the converter gave up with {type(error).__name__}); "
        "print it to a new PDF.",
        depends_on=("engine.ocrmypdf", "mode"),
    )
