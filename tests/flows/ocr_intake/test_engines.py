"""What is loaded before the fork."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from flows.ocr_intake import steps
from flows.ocr_intake.models import find_data_folder, find_languages
from shared.errors import ConfigError

WARM = """
import json, os, sys, threading
from flows.ocr_intake import steps
early = [name for name in ("tesserocr", "ocrmypdf", "pikepdf", "prefect") if name in sys.modules]
versions = dict(steps.warm(steps.Parameters()))
print(json.dumps({
    "early": early, "versions": versions, "limit": os.environ["OMP_THREAD_LIMIT"],
    "python_threads": threading.active_count(), "tasks": len(os.listdir("/proc/self/task")),
    "prefect": "prefect" in sys.modules,
}))
"""


def test_warming_up_starts_no_thread() -> None:
    """A child forked from a process with threads may hang on a lock that nobody holds any more."""
    environment = {name: value for name, value in os.environ.items() if name != "OMP_THREAD_LIMIT"}
    run = subprocess.run([sys.executable, "-c", WARM], check=True, capture_output=True, env=environment, text=True)
    told = json.loads(run.stdout)
    assert (told["python_threads"], told["tasks"], told["limit"]) == (1, 1, "1")
    assert (told["early"], told["prefect"]) == ([], False)
    assert set(told["versions"]) >= {"engine.tesseract", "engine.model", "engine.ocrmypdf"}
    assert all(told["versions"].values())


def test_an_unknown_language_names_those_at_hand_and_the_package() -> None:
    """The operator reads what to type next."""
    with pytest.raises(ConfigError, match=r"chi_nil.*installed: .*eng.*apt-get install tesseract-ocr-chi-nil"):
        steps.warm(steps.Parameters(languages=("chi_nil",)))


def test_models_that_read_nothing_are_no_languages() -> None:
    """Orientation is looked for with them, words are not."""
    assert "osd" not in find_languages(find_data_folder())


def test_a_machine_without_models_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder that was named is the folder that is complained about."""
    monkeypatch.setenv("TESSDATA_PREFIX", str(tmp_path))
    with pytest.raises(ConfigError, match=str(tmp_path)):
        find_data_folder()


def test_the_form_explains_every_choice() -> None:
    """Prefect shows title and description; a field without them is a riddle."""
    for name, field in steps.Parameters.model_json_schema()["properties"].items():
        assert field.get("title"), name
        assert field.get("description"), name
        assert "default" in field, name
