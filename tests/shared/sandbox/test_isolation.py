import os
from pathlib import Path
from typing import cast

import pytest
from pydantic import ValidationError

from shared.budgets import Budget
from shared.sandbox import Order, Sandbox
from shared.sandbox.inline import run_inline
from shared.workflows import Inspection, Product, Steps
from tests.shared.sandbox import faulty_steps
from tests.shared.sandbox.conftest import TIGHT, RunFault, Waiting, await_servers


def test_no_credential_reaches_a_child(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """Neither environment nor /proc of a child holds a secret of ours; its temporary files are in scratch."""
    for name in ("PREFECT_API_AUTH_STRING", "AWS_SECRET_ACCESS_KEY", "MAILROOM_LEDGER_URL"):
        monkeypatch.setenv(name, "planted-secret")
    run_fault: RunFault = request.getfixturevalue("run_fault")
    answer = run_fault("tell_environment").answer
    assert isinstance(answer, Product)
    assert "planted-secret" not in answer.facts["environment"]
    assert answer.facts["temporary"].startswith(str(tmp_path))


def test_a_child_holds_nothing_of_the_server_or_of_other_children(tmp_path: Path, run_fault: RunFault) -> None:
    """Its descriptors are no input, its noise, its pages, and the lifelines: no pidfd, no poll, no stream of orders."""
    sandbox: Sandbox = run_fault.sandbox  # type: ignore[attr-defined]
    waiting = Waiting(sandbox, tmp_path / "other", "sleep")
    await_servers(2)
    answer = run_fault("list_descriptors").answer
    sandbox.close()
    waiting.join()
    assert isinstance(answer, Product)
    links: dict[str, str] = answer.facts["open"]
    assert links["0"] == os.devnull
    assert not [link for link in links.values() if link.startswith("anon_inode")]
    pipes = {link for name, link in links.items() if link.startswith("pipe:")}
    assert len(pipes) == 4  # noise, pages, and two lifelines


def test_a_document_is_inspected_by_the_same_door(tmp_path: Path, run_fault: RunFault) -> None:
    """An inspection comes back as the value that the steps made."""
    sandbox: Sandbox = run_fault.sandbox  # type: ignore[attr-defined]
    report = sandbox.run(Order("inspect", tmp_path, tmp_path, {}, TIGHT))
    assert report.answer == Inspection("text", 1, 1, 1.0)


def test_a_name_that_is_not_utf_8_reaches_the_child(tmp_path: Path, run_fault: RunFault) -> None:
    """File names are bytes on this system, and documents are opened whatever they are."""
    document = tmp_path / os.fsdecode(b"caf\xe9.pdf")
    document.write_text("words")
    assert isinstance(run_fault("open_the_document", TIGHT, document).answer, Product)


def test_inline_raises_what_the_steps_raise(tmp_path: Path) -> None:
    """Without a sandbox an exception is the steps' own, for a debugger to stop at."""
    steps = cast("Steps", faulty_steps)
    order = Order("work", tmp_path, tmp_path, {"fault": "raise_key_error"}, Budget())
    with pytest.raises(KeyError):
        run_inline(steps, order)
    with pytest.raises(ValidationError):
        run_inline(steps, Order("work", tmp_path, tmp_path, {"fault": 3}, Budget()))
    assert run_inline(steps, Order("work", tmp_path, tmp_path, {}, Budget())).facts["pages"] == 1
