"""What the libraries raise becomes a reason, a host's error, or a mistake in the set-up."""

import errno

import ocrmypdf
import pikepdf
import pytest
from ocrmypdf import exceptions as fault
from PIL import Image

from flows.ocr_intake.conversion import REASONS, find_host_error, typed_errors
from shared.errors import ConfigError, DocumentError
from shared.outcomes import Reason


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (fault.EncryptedPdfError(), Reason.ENCRYPTED),
        (pikepdf.PasswordError(), Reason.ENCRYPTED),
        (fault.DigitalSignatureError(), Reason.SIGNED),
        (fault.NonEmbeddedFontsError({"A"}), Reason.FONT_MISSING),
        (fault.UnsupportedImageFormatError(), Reason.IMAGE_UNSUPPORTED),
        (fault.DpiError(), Reason.IMAGE_UNSUPPORTED),
        (fault.InputFileError(), Reason.DAMAGED),
        (fault.TaggedPDFError(), Reason.DAMAGED),
        (fault.SubprocessOutputError(), Reason.DAMAGED),
        (Image.DecompressionBombError(), Reason.BOMB),
        (pikepdf.DependencyError(), Reason.UNSUPPORTED_FILTER),
        (pikepdf.PdfError(), Reason.DAMAGED),
        (RecursionError(), Reason.DAMAGED),
        (TypeError("/tmp/secret"), Reason.DAMAGED),
    ],
)
def test_a_fault_of_the_document_gets_a_reason(error: Exception, reason: Reason) -> None:
    """A person reads one sentence, without a path and without a traceback."""
    with pytest.raises(DocumentError) as refusal, typed_errors():
        raise error
    assert refusal.value.reason is reason
    assert "/tmp" not in refusal.value.found
    assert "Traceback" not in refusal.value.found


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENOMEM])
def test_a_full_disk_is_not_the_documents_fault(number: int) -> None:
    """It comes through as it is, even where OCRmyPDF wrapped it into a complaint about the input."""
    blamed = fault.InputFileError()
    blamed.__cause__ = OSError(number, "no")
    with pytest.raises(OSError, match="no") as caught, typed_errors():
        raise blamed
    assert caught.value.errno == number


@pytest.mark.parametrize("error", [MemoryError(), DocumentError(Reason.BOMB, "x")])
def test_what_has_a_meaning_already_passes(error: Exception) -> None:
    """Memory is the sandbox's to judge, and a reason stays what it is."""
    with pytest.raises(type(error)) as caught, typed_errors():
        raise error
    assert caught.value is error


@pytest.mark.parametrize("error", [fault.MissingDependencyError(), fault.TesseractConfigError(), fault.BadArgsError()])
def test_a_mistake_in_the_set_up_stops_the_run(error: Exception) -> None:
    """Quarantining every document would not help."""
    with pytest.raises(ConfigError), typed_errors():
        raise error


def test_no_class_is_hidden_behind_its_base() -> None:
    """The first match wins, so a base must stand after all that derive from it."""
    kinds = [kind for kind, _reason, _found in REASONS]
    for position, kind in enumerate(kinds):
        assert not any(issubclass(later, kind) for later in kinds[position + 1 :]), kind


def test_every_exception_of_ocrmypdf_is_expected() -> None:
    """A class that a new release adds must be classified here before it reaches a document."""
    known = tuple(kind for kind, _reason, _found in REASONS)
    setup = (fault.MissingDependencyError, fault.TesseractConfigError, fault.BadArgsError)
    never = {fault.ExitCodeException, fault.PdfaConversionFailedError, fault.OutputFileAccessError}
    never |= {fault.PriorOcrFoundError}
    classes = {item for item in vars(ocrmypdf.exceptions).values() if isinstance(item, type)}
    raised = {item for item in classes if issubclass(item, Exception)} - never
    assert not {item for item in raised if not issubclass(item, known + setup)}


def test_a_host_error_is_found_behind_others() -> None:
    """Causes and contexts are followed; an error without a number is the document's."""
    assert find_host_error(ValueError()) is None
    assert find_host_error(OSError("image file is truncated")) is None
