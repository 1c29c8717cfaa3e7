"""The engines are loaded once for all tests of the workflow, as in the server."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pikepdf
import pytest
from PIL import Image

from flows.ocr_intake import steps
from shared.budgets import Budget
from shared.workflows import Job, Product


@pytest.fixture(scope="session", autouse=True)
def _warm() -> None:
    steps.warm(steps.Parameters())


@pytest.fixture(autouse=True)
def _process_wide_settings() -> Iterator[None]:
    """The steps set limits for their child's whole process; here they share it with other tests."""
    pixels, limits = Image.MAX_IMAGE_PIXELS, pikepdf.settings.get_qpdf_limits()
    yield
    Image.MAX_IMAGE_PIXELS = pixels
    pikepdf.settings.set_qpdf_limits(**limits)  # type: ignore[arg-type]


@pytest.fixture
def work(tmp_path: Path) -> Callable[..., Product]:
    """Runs the steps on one document in this process; what they wrote is in `tmp_path / "scratch"`."""

    def run(document: Path, budget: Budget | None = None, **parameters: object) -> Product:
        scratch = tmp_path / "scratch"
        scratch.mkdir()
        return steps.work(Job(document, scratch, steps.Parameters.model_validate(parameters), budget or Budget()))

    return run
