"""The file in scratch by which a child answers: written by the child, read with mistrust by the run's process."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from pydantic import ConfigDict, TypeAdapter

from shared.sandbox.protocol import STRICT, Answer, ChildCrashed, Failure, Order, Refusal, render
from shared.workflows import Inspection, Product

ANSWER_FILE = "answer.json"
ANSWER_MAX_BYTES = 64_000_000
"""A receipt of 5,000 pages takes about 1 MB; what is larger than this is no answer."""
EXPECTED = {"work": Product | Refusal | Failure, "inspect": Inspection | Refusal | Failure}


@dataclass(frozen=True)
class Envelope:
    """An answer and what goes with it: the child's resident growth, and a traceback for the operator's log."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    answer: Answer
    growth_bytes: int = 0
    traceback: str = ""


ENVELOPE: TypeAdapter[Envelope] = TypeAdapter(Envelope)


def render_answer(envelope: Envelope) -> bytes:
    """ValueError or TypeError where the product's facts are not JSON."""
    return render(envelope)


def write_answer(scratch: Path, content: bytes) -> None:
    (scratch / ANSWER_FILE).write_bytes(content)


def read_answer(order: Order) -> Envelope:
    """ChildCrashed where there is none, or none that can be understood: the child is not trusted."""
    try:
        envelope = ENVELOPE.validate_json(_read_regular(order.scratch / ANSWER_FILE))
        _check_answer(envelope.answer, order)
    except (OSError, ValueError) as error:
        raise ChildCrashed(f"it left no answer that can be understood ({type(error).__name__})") from error
    return envelope


def _read_regular(path: Path) -> bytes:
    # A link could lead to any file, and opening a pipe would wait for a writer.
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:  # noqa: PTH123 - a descriptor
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_size > ANSWER_MAX_BYTES:
            raise ValueError("no regular file, or larger than any answer is")
        return file.read()


def _check_answer(answer: Answer, order: Order) -> None:
    if not isinstance(answer, EXPECTED[order.action]):
        raise ValueError(f"{type(answer).__name__} is no answer to {order.action}")  # noqa: TRY004 - of content
    if isinstance(answer, Product):
        for name in answer.files.values():
            _check_plain_file(order.scratch, name)


def _check_plain_file(scratch: Path, name: str) -> None:
    path = scratch / name
    if Path(name).name != name or path.is_symlink() or not path.is_file():
        raise ValueError(f"{name!r} is no plain file in scratch")
