"""Core seconds from pages and pixels; the coefficients are measured, see docs/confidence.md for the machine."""

from shared.workflows import Forecast, Inspection

SECONDS_PER_DOCUMENT = 0.15
SECONDS_PER_PAGE = 0.02
SECONDS_PER_PAGE_READ = 0.5
SECONDS_PER_MEGAPIXEL_READ = 0.15


def forecast_work(inspection: Inspection) -> Forecast:
    seconds = (
        SECONDS_PER_DOCUMENT
        + SECONDS_PER_PAGE * inspection.pages
        + SECONDS_PER_PAGE_READ * inspection.pages_to_recognise
        + SECONDS_PER_MEGAPIXEL_READ * inspection.megapixels_to_recognise
    )
    return Forecast(core_seconds=round(seconds, 2))
