"""The steps of `ocr_intake`, in the order in which they happen."""

import os
from collections.abc import Mapping
from typing import Any

from flows.ocr_intake.forecast import forecast_work
from flows.ocr_intake.judgement import judge_facts
from flows.ocr_intake.parameters import Parameters
from shared.workflows import Forecast, Inspection, Job, Judgement, Product

# OCRmyPDF and Tesseract are imported where they are used: the process that talks to Prefect imports this module for
# `Parameters` and `judge`, and OpenMP reads its limit once, when Tesseract's library is loaded.
# ruff: noqa: PLC0415

__all__ = ["RESULT_REVISION", "Parameters", "forecast", "inspect", "judge", "warm", "work"]

RESULT_REVISION = 1


def warm(parameters: Parameters) -> Mapping[str, str]:
    os.environ["OMP_THREAD_LIMIT"] = "1"
    from flows.ocr_intake import document, engines  # noqa: F401 - the child needs all that `document` imports

    return engines.load_engines(tuple(parameters.languages), parameters.recognition).versions


def inspect(job: Job) -> Inspection:
    from flows.ocr_intake.look import look_at

    return look_at(job).inspection


def forecast(inspection: Inspection) -> Forecast:
    return forecast_work(inspection)


def work(job: Job) -> Product:
    from flows.ocr_intake.document import produce
    from flows.ocr_intake.look import look_at

    return produce(look_at(job), job)


def judge(facts: Mapping[str, Any], parameters: Parameters) -> Judgement:
    return judge_facts(facts, parameters.review_below_confidence)
