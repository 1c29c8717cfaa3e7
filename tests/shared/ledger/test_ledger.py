import threading
from pathlib import Path

import pytest

from shared.errors import ConfigError, DocumentError
from shared.ledger import Batch, Lease, Ledger
from shared.ledger.ledger import Settlement
from shared.outcomes import Outcome, Reason
from tests.shared.ledger.rows import NOW, new_batch, new_file, new_input, new_receipt


@pytest.fixture
def lease(ledger: Ledger, batch: Batch) -> Lease:
    assert batch.id == "b1"
    lease = ledger.take_lease(Lease("w", "/out", "me", 60))
    assert lease is not None
    return lease


def test_one_receipt_per_key(ledger: Ledger, lease: Lease) -> None:
    """Writing the same (workflow, document, result key) twice leaves one row with the newer content."""
    for words in (1, 2):
        with ledger.fenced(lease) as transaction:
            transaction.put_receipt(new_receipt(facts={"words": words}))
    (receipts,) = ledger.find_receipts("w", ["d" * 64]).values()
    assert [receipt.facts for receipt in receipts] == [{"words": 2}]


def test_other_conditions_give_another_receipt_newest_first(ledger: Ledger, lease: Lease) -> None:
    """Results under other conditions stand side by side, and the newest is found first."""
    for revision in (1, 2):
        with ledger.fenced(lease) as transaction:
            transaction.put_receipt(new_receipt(depends_on={"revision": revision}))
    (receipts,) = ledger.find_receipts("w", ["d" * 64]).values()
    assert [receipt.depends_on["revision"] for receipt in receipts] == [2, 1]


def test_a_failing_transaction_leaves_nothing(ledger: Ledger, lease: Lease) -> None:
    """Receipt, output and settlement are written together or not at all."""
    ledger.add_inputs("b1", [new_input("a.pdf")])
    with pytest.raises(OSError, match="disk"):
        write_and_fail(ledger, lease)
    assert ledger.find_receipts("w", ["d" * 64]) == {}
    assert ledger.count_outcomes("b1") == {None: 1}


def write_and_fail(ledger: Ledger, lease: Lease) -> None:
    with ledger.fenced(lease) as transaction:
        receipt_id = transaction.put_receipt(new_receipt())
        transaction.put_output("a.pdf", receipt_id, [new_file("a.pdf", "a.pdf")], NOW)
        transaction.settle("b1", Settlement("a.pdf", Outcome.DONE, receipt_id=receipt_id))
        raise OSError("disk full")


def test_two_inputs_never_share_a_path(ledger: Ledger, lease: Lease) -> None:
    """The second input that would publish to a path is refused, and the first keeps it."""
    with ledger.fenced(lease) as transaction:
        receipt_id = transaction.put_receipt(new_receipt())
        transaction.put_output("x.tif", receipt_id, [new_file("x.tif", "x.tif.pdf")], NOW)
    with pytest.raises(DocumentError) as refused, ledger.fenced(lease) as transaction:
        transaction.put_output("x.tif.pdf", receipt_id, [new_file("x.tif.pdf", "x.tif.pdf")], NOW)
    assert refused.value.reason == Reason.NAME_COLLISION
    (copies,) = ledger.find_copies([receipt_id]).values()
    assert [copy.location for copy in copies] == ["x.tif"]


def test_replacing_an_output_names_what_no_longer_belongs(ledger: Ledger, lease: Lease) -> None:
    """A new result with fewer files names those of the old one that must go."""
    with ledger.fenced(lease) as transaction:
        receipt_id = transaction.put_receipt(new_receipt())
        files = [new_file("a.pdf", "a.pdf"), new_file("a.pdf", "a.pdf.json", "json")]
        assert transaction.put_output("a.pdf", receipt_id, files, NOW) == set()
    with ledger.fenced(lease) as transaction:
        left = transaction.put_output("a.pdf", receipt_id, [new_file("a.pdf", "a.pdf.json", "json")], NOW)
        assert left == {"a.pdf"}


def test_an_input_is_settled_once(ledger: Ledger, batch: Batch) -> None:
    """A settled input cannot be settled again, nor one that does not exist."""
    ledger.add_inputs(batch.id, [new_input("a.pdf")])
    ledger.settle(batch.id, [Settlement("a.pdf", Outcome.DONE)])
    for location in ("a.pdf", "b.pdf"):
        with pytest.raises(RuntimeError, match=location):
            ledger.settle(batch.id, [Settlement(location, Outcome.QUARANTINED, Reason.CRASHED)])
    assert ledger.count_outcomes(batch.id) == {"done": 1}


def test_a_batch_opened_again_goes_on(ledger: Ledger, batch: Batch) -> None:
    """The same batch id keeps its rows, and new arrivals join them."""
    ledger.add_inputs(batch.id, [new_input("a.pdf")])
    ledger.settle(batch.id, [Settlement("a.pdf", Outcome.DONE)])
    again = ledger.open_batch(new_batch(batch.id))
    ledger.add_inputs(again.id, [new_input("a.pdf"), new_input("b.pdf", None)])
    assert [(row.location, row.outcome) for row in ledger.inputs(again.id)] == [("a.pdf", "done"), ("b.pdf", None)]


def test_a_batch_is_found_by_the_start_of_its_id(ledger: Ledger, batch: Batch) -> None:
    """A unique prefix is enough; an unknown or ambiguous one is named."""
    ledger.open_batch(new_batch("b2"))
    assert ledger.find_batch("b1").id == batch.id
    for prefix, problem in (("x", "no batch"), ("b", "more than one")):
        with pytest.raises(ConfigError, match=problem):
            ledger.find_batch(prefix)


def test_many_digests_at_once(ledger: Ledger, lease: Lease) -> None:
    """More digests than a statement takes variables are looked up in chunks."""
    with ledger.fenced(lease) as transaction:
        transaction.put_receipt(new_receipt())
    assert len(ledger.find_receipts("w", [f"{n:064d}" for n in range(40_000)] + ["d" * 64])) == 1


def test_several_processes_may_open_a_new_ledger_at_once(ledger_url: str) -> None:
    """The first migration happens once, however many start together."""
    failures: list[BaseException] = []

    def open_and_close() -> None:
        try:
            Ledger.open(ledger_url).close()
        except BaseException as error:  # noqa: BLE001 - carried to the assertion
            failures.append(error)

    threads = [threading.Thread(target=open_and_close) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("no url", "no database URL"),
        ("mysql://x/y", "use sqlite"),
        ("sqlite://", "in memory"),
        ("postgresql://nobody@127.0.0.1:1/none", "cannot be opened"),
    ],
)
def test_a_wrong_url_is_explained(url: str, problem: str) -> None:
    """What is wrong with MAILROOM_LEDGER_URL is named; no password is shown."""
    with pytest.raises(ConfigError, match=problem):
        Ledger.open(url)


def test_a_file_that_is_no_database_is_explained(tmp_path: Path) -> None:
    """A ledger that is some other file is a configuration error, not a traceback."""
    (tmp_path / "ledger.db").write_bytes(b"this is not a database" * 100)
    with pytest.raises(ConfigError, match="cannot be opened"):
        Ledger.open(f"sqlite:///{tmp_path}/ledger.db")
