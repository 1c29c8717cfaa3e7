"""Core seconds from pages and pixels, fitted to filings at 300 dpi, to the pages of known text, and to e-invoices.

Measured on one core of a shared server. Dense pages cost twice as much as sparse ones, and slow hosts three times as
much as fast ones: that is what the dry run's sample is for.
"""

from shared.workflows import Forecast, Inspection

SECONDS_PER_DOCUMENT = 0.03
SECONDS_PER_PAGE = 0.003
SECONDS_PER_PAGE_READ = 0.14
SECONDS_PER_MEGAPIXEL_READ = 0.09


def forecast_work(inspection: Inspection) -> Forecast:
    seconds = (
        SECONDS_PER_DOCUMENT
        + SECONDS_PER_PAGE * inspection.pages
        + SECONDS_PER_PAGE_READ * inspection.pages_to_recognise
        + SECONDS_PER_MEGAPIXEL_READ * inspection.megapixels_to_recognise
    )
    return Forecast(core_seconds=round(seconds, 2))
