import logging
import os
import signal
import subprocess
from pathlib import Path

import pytest

from shared.budgets import Budget
from shared.errors import ConfigError, TransientError
from shared.outcomes import Reason
from shared.sandbox import ChildCrashed, Order, Refusal
from shared.workflows import Product
from tests.shared.sandbox.conftest import TIGHT, RunFault


@pytest.mark.parametrize(
    ("fault", "reason", "budgets"),
    [
        ("sleep", Reason.STALLED, {"stall_seconds"}),
        ("spin_in_c", Reason.CPU_TIMEOUT, {"cpu_seconds_base", "cpu_seconds_per_page"}),
        ("spin_in_a_grandchild", Reason.CPU_TIMEOUT, {"cpu_seconds_base", "cpu_seconds_per_page"}),
        ("leave_a_busy_orphan", Reason.CPU_TIMEOUT, {"cpu_seconds_base", "cpu_seconds_per_page"}),
        ("allocate", Reason.OUT_OF_MEMORY, {"memory_megabytes"}),
        ("allocate_in_grandchildren", Reason.OUT_OF_MEMORY, {"memory_megabytes"}),
        ("raise_memory_error", Reason.OUT_OF_MEMORY, {"memory_megabytes"}),
        ("go_on_without_memory", Reason.OUT_OF_MEMORY, {"memory_megabytes"}),
        ("die_of_bad_alloc", Reason.OUT_OF_MEMORY, {"memory_megabytes"}),
        ("write_much_in_a_program", Reason.OUTPUT_TOO_BIG, {"output_megabytes"}),
        ("write_much_without_handler", Reason.OUTPUT_TOO_BIG, {"output_megabytes"}),
        ("write_much", Reason.OUTPUT_TOO_BIG, {"output_megabytes"}),
        ("raise_key_error", Reason.CRASHED, set()),
        ("raise_recursion_error", Reason.CRASHED, set()),
        ("exit_in_a_library", Reason.CRASHED, set()),
        ("answer_what_is_no_json", Reason.CRASHED, set()),
    ],
)
def test_a_refusal_names_its_reason_and_its_budget(
    run_fault: RunFault, fault: str, reason: Reason, budgets: set[str]
) -> None:
    """Each way to go wrong has its verdict, and the budget that would have to change."""
    answer = run_fault(fault).answer
    assert isinstance(answer, Refusal)
    assert answer.reason == reason
    assert set(answer.depends_on) == {f"budget.{name}" for name in budgets}


def test_wall_time_is_the_last_stop(run_fault: RunFault) -> None:
    """Work that neither stalls nor spends its CPU ends all the same."""
    answer = run_fault("sleep", Budget(wall_seconds=1)).answer
    assert isinstance(answer, Refusal)
    assert answer.reason == Reason.WALL_TIMEOUT


def test_pages_raise_the_cpu_budget(run_fault: RunFault) -> None:
    """A document that has announced its pages gets CPU time for each."""
    assert isinstance(run_fault("spin_after_pages").answer, Product)


@pytest.mark.parametrize(
    ("fault", "killer"),
    [
        ("segfault", signal.SIGSEGV),
        ("abort", signal.SIGABRT),
        ("leave", None),
        ("kill_itself", signal.SIGKILL),
        ("remove_scratch", None),
    ],
)
def test_a_death_is_a_crash(run_fault: RunFault, fault: str, killer: int | None) -> None:
    """A child that dies is no verdict on the document: the caller decides how often to try."""
    with pytest.raises(ChildCrashed) as crash:
        run_fault(fault)
    assert crash.value.signal == killer


@pytest.mark.parametrize(
    "fault",
    [
        "answer_from_outside",
        "answer_with_a_link",
        "leave_with_a_deep_answer",
        "leave_with_a_false_answer",
        "leave_with_a_huge_answer",
        "leave_with_a_pipe_for_an_answer",
        "leave_with_another_kind",
        "leave_with_unknown_fields",
        "leave_with_wrong_types",
    ],
)
def test_an_answer_is_not_believed(run_fault: RunFault, fault: str) -> None:
    """Half an answer, a pipe in its place, a link, or a path out of scratch count as a crash, and nothing hangs."""
    with pytest.raises(ChildCrashed):
        run_fault(fault)


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        ("raise_transient_error", TransientError, "not now"),
        ("raise_config_error", ConfigError, "not so"),
        ("raise_no_space", TransientError, "no space left"),
        ("raise_from_no_space", TransientError, "no space left"),
        ("raise_io_error", TransientError, "the host says"),
        ("raise_stale_handle", TransientError, "the host says"),
        ("wait_for_disk", TransientError, "the file system has not answered"),
    ],
)
def test_what_is_not_the_documents_fault_is_raised(
    run_fault: RunFault, fault: str, error: type[Exception], words: str
) -> None:
    """The host's and our own faults arrive as errors of their fate."""
    with pytest.raises(error, match=words):
        run_fault(fault)


def test_a_document_error_arrives_whole(run_fault: RunFault) -> None:
    """Reason, sentence and dependencies survive the way out of the child."""
    assert run_fault("raise_document_error").answer == Refusal(Reason.XFA_FORM, "a form", ("fault",))


def test_an_unexpected_exception_keeps_the_document_secret(
    run_fault: RunFault, caplog: pytest.LogCaptureFixture
) -> None:
    """The refusal names kind and place; the traceback goes to the operator's log alone."""
    with caplog.at_level(logging.ERROR, "mailroom.sandbox"):
        answer = run_fault("raise_key_error").answer
    assert isinstance(answer, Refusal)
    assert answer.found == "unexpected KeyError in faulty_steps.raise_key_error"
    assert "Traceback" in caplog.text


def test_a_document_that_is_gone_is_unreadable(run_fault: RunFault, tmp_path: Path) -> None:
    """The file system's no is the document's reason, not a crash."""
    answer = run_fault("open_the_document", TIGHT, tmp_path / "gone").answer
    assert isinstance(answer, Refusal)
    assert answer.reason == Reason.UNREADABLE


def test_a_crash_shows_the_operator_its_last_words(run_fault: RunFault, caplog: pytest.LogCaptureFixture) -> None:
    """What the child printed, and where its threads were, is in the log."""
    with caplog.at_level(logging.ERROR, "mailroom.sandbox"), pytest.raises(ChildCrashed):
        run_fault("say_and_abort")
    assert "assertion failed: xref" in caplog.text
    assert "in say_and_abort" in caplog.text


def test_a_full_disk_is_told_whatever_the_library_says(run_fault: RunFault, tmp_path: Path) -> None:
    """An error that names no cause is looked through: the disk is full."""
    place = tmp_path / "small"
    place.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", place], check=False, capture_output=True)
    if mount.returncode:
        pytest.skip(f"cannot mount a small file system: {mount.stderr.decode().strip()}")
    try:
        scratch = place / "scratch"
        scratch.mkdir()
        order = Order("work", tmp_path, scratch, {"fault": "write_until_full"}, TIGHT)
        with pytest.raises(TransientError, match=f"no space left at {place}"):
            run_fault.sandbox.run(order)  # type: ignore[attr-defined]
    finally:
        subprocess.run(["umount", place], check=True)


def test_text_that_is_no_unicode_is_mended(run_fault: RunFault) -> None:
    """A finding may quote a name from a broken document; it must not break the ledger."""
    answer = run_fault("answer_in_broken_unicode").answer
    assert isinstance(answer, Product)
    assert answer.findings[0].detail == "a?b"


def test_nonsense_about_pages_grants_no_more_than_the_most(run_fault: RunFault) -> None:
    """A child that a document has taken over cannot talk its budget up, nor the server down."""
    assert isinstance(run_fault("announce_nonsense").answer, Product)
    assert isinstance(run_fault("none").answer, Product)


def test_noise_is_dropped(run_fault: RunFault) -> None:
    """Megabytes on stdout and stderr neither block the child nor reach the events."""
    assert isinstance(run_fault("print_much").answer, Product)


def test_what_a_child_leaves_running_is_killed(run_fault: RunFault) -> None:
    """A program that outlives its child does not outlive the order."""
    answer = run_fault("leave_a_grandchild").answer
    assert isinstance(answer, Product)
    with pytest.raises(ProcessLookupError):
        os.kill(answer.facts["left"], 0)


def test_memory_is_measured(run_fault: RunFault) -> None:
    """The peak shows what the work took, and little where it took little."""
    assert run_fault("allocate_some").peak_bytes > 60_000_000
    assert run_fault("none").peak_bytes < 60_000_000
