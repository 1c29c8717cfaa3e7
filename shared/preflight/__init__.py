"""What can be said about a document before any work is spent on it, and the refusals that follow.

Everything here runs in the child and is bounded: in memory by qpdf's own limits and by counting decompressors, in time
by the size of the file. Refusals are DocumentError; what is worth knowing without being a refusal is a Finding.
"""

from shared.preflight.kinds import Kind, find_kind
from shared.preflight.pdf import PdfSurvey, open_pdf, survey_pdf

__all__ = ["Kind", "PdfSurvey", "find_kind", "open_pdf", "survey_pdf"]
