"""The runner's own reading of expressions, beside what GitHub's documentation says of them."""

from typing import Any

import pytest

from tests.stack.actions import Refused, evaluate

CONTEXT = {
    "github": {"event": {"action": "labeled", "labels": [{"name": "plan"}]}, "sha": "abc"},
    "vars": {"RUNNER": ""},
    "needs": {"check": {"result": "success"}, "test": {"result": "skipped"}},
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("github.event.action == 'labeled'", True),
        ("${{ github.event.action != 'labeled' }}", False),
        ("vars.RUNNER != '' && github.sha == 'abc'", False),
        ("(vars.RUNNER || github.sha) == 'abc'", True),
        ("!contains(github.event.labels.*.name, 'plan')", False),
        ("contains(github.event.labels.*.name, 'preview')", False),
        ("github.event.pull_request.head.sha", None),
        ("github.event.nothing != ''", False),
        ("join(needs.*.result, ' ')", "success skipped"),
        ("always()", True),
    ],
)
def test_an_expression(text: str, value: Any) -> None:
    """Has the value that GitHub gives it."""
    assert evaluate(text, CONTEXT) == value


@pytest.mark.parametrize("text", ["secrets.TOKEN", "hashFiles('x')", "github.sha + 'x'", "github.sha[0]"])
def test_others_are_refused(text: str) -> None:
    """Rather than guessed at."""
    with pytest.raises(Refused):
        evaluate(text, CONTEXT)
