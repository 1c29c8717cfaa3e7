"""The steps of `ocr_intake`, in the order in which they happen."""

import os
from collections.abc import Mapping
from typing import Any

from flows.ocr_intake.document import look_at, produce
from flows.ocr_intake.engines import load_engines
from flows.ocr_intake.forecast import forecast_work
from flows.ocr_intake.judgement import judge_facts
from flows.ocr_intake.parameters import Parameters
from shared.workflows import Forecast, Inspection, Job, Judgement, Product

__all__ = ["RESULT_REVISION", "Parameters", "forecast", "inspect", "judge", "warm", "work"]

RESULT_REVISION = 1


def warm(parameters: Parameters) -> Mapping[str, str]:
    # Read once by OpenMP's runtime, when Tesseract's library is loaded.
    os.environ["OMP_THREAD_LIMIT"] = "1"
    return load_engines(tuple(parameters.languages)).versions


def inspect(job: Job) -> Inspection:
    return look_at(job).inspection


def forecast(inspection: Inspection) -> Forecast:
    return forecast_work(inspection)


def work(job: Job) -> Product:
    return produce(look_at(job), job)


def judge(facts: Mapping[str, Any], parameters: Parameters) -> Judgement:
    return judge_facts(facts, parameters.review_below_confidence)
