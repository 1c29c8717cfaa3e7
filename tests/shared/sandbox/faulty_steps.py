"""Steps whose work goes wrong in one named way each."""

import ctypes
import errno
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from shared.errors import ConfigError, DocumentError, TransientError
from shared.outcomes import Finding, Outcome, Reason
from shared.workflows import Forecast, Inspection, Job, Judgement, Product

RESULT_REVISION = 1


class Parameters(BaseModel):
    model_config = ConfigDict(frozen=True)

    fault: str = "none"
    warm_fault: str = ""


def warm(parameters: BaseModel) -> Mapping[str, str]:
    assert isinstance(parameters, Parameters)
    if parameters.warm_fault == "config":
        raise ConfigError("no such language: tlh")
    if parameters.warm_fault == "thread":
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    if parameters.warm_fault == "error":
        raise KeyError("warm")
    if parameters.warm_fault == "program":
        subprocess.Popen(["sleep", "601"])
    if parameters.warm_fault == "world":
        raise TransientError("the model's disk is away")
    if parameters.warm_fault == "slow":
        time.sleep(30)
    if parameters.warm_fault == "read":
        assert sys.stdin.read() == ""
        print("noise that is no event")  # noqa: T201 - what a library may do
    if parameters.warm_fault == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    return {"engine.faulty": "1"}


def inspect(job: Job) -> Inspection:
    return Inspection("text", 1, 1, 1.0)


def forecast(inspection: Inspection) -> Forecast:
    return Forecast(float(inspection.pages))


def judge(facts: Mapping[str, Any], parameters: BaseModel) -> Judgement:
    return Judgement(Outcome.DONE)


def work(job: Job) -> Product:
    assert isinstance(job.parameters, Parameters)
    return FAULTS[job.parameters.fault](job) or Product({}, {"pages": 1, "words": 0})


def sleep(job: Job) -> None:
    time.sleep(600)


def spin_in_c(job: Job) -> None:
    """Backtracks for ever without ever giving Python's lock away."""
    re.match(r"(a+)+$", "a" * 60 + "b")


def spin_after_pages(job: Job) -> None:
    """Uses twice the base budget, and says first that it has pages enough."""
    job.announce_pages(10)
    begun = time.process_time()
    while time.process_time() - begun < 2:
        pass


def spin_in_a_grandchild(job: Job) -> None:
    subprocess.run(["sh", "-c", "while :; do :; done"], check=True)


def leave_a_grandchild(job: Job) -> Product:
    left = subprocess.Popen(["sleep", "600"])
    return Product({}, {"pages": 1, "words": 0, "left": left.pid})


def leave_a_daemon(job: Job) -> Product:
    """A program in a session of its own, whose parent has ended: no kill of the group reaches it."""
    place = job.scratch / "daemon"
    subprocess.run(["sh", "-c", f"setsid sh -c 'echo $$ >{place}; exec sleep 600' & sleep 0.3"], check=True)
    return Product({}, {"pages": 1, "words": 0, "left": int(place.read_text())})


def leave_a_busy_orphan(job: Job) -> None:
    """The program that uses the CPU is no descendant of the child any more, but of its group."""
    subprocess.run(["sh", "-c", "(while :; do :; done) &"], check=True)
    time.sleep(600)


def wait_for_disk(job: Job) -> None:
    """In uninterruptible sleep: who has started a program by vfork waits so until the program has opened its files."""
    fifo = job.scratch / "fifo"
    os.mkfifo(fifo)
    os.posix_spawn("/bin/true", ["true"], {}, file_actions=[(os.POSIX_SPAWN_OPEN, 0, str(fifo), os.O_RDONLY, 0)])


def sleep_with_grandchild(job: Job) -> None:
    subprocess.run(["sleep", "600"], check=True)


def allocate(job: Job) -> None:
    held = [b"x" * 10_000_000 for _ in range(1000)]
    raise AssertionError(len(held))


def allocate_some(job: Job) -> None:
    held = b"x" * 60_000_000
    assert held


def allocate_in_grandchildren(job: Job) -> None:
    """Each process stays below the limit of one; together they are above the group's."""
    script = "import time; held = b'x' * 60_000_000; time.sleep(600)"
    programs = [subprocess.Popen([sys.executable, "-c", script]) for _ in range(3)]
    for program in programs:
        program.wait()


def write_much(job: Job) -> None:
    with (job.scratch / "large").open("wb") as file:
        for _ in range(100):
            file.write(bytes(1_000_000))


def write_much_in_a_program(job: Job) -> None:
    """The program dies of the limit, and the step sees an exit code alone."""
    subprocess.run(["dd", "if=/dev/zero", f"of={job.scratch}/large", "bs=1M", "count=100"], check=True)


def write_much_without_handler(job: Job) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    write_much(job)


def write_until_full(job: Job) -> None:
    """What a library says of a full disk in words of its own."""
    try:
        (job.scratch / "large").write_bytes(bytes(4_000_000))
    except OSError:
        raise RuntimeError("write failed") from None


def go_on_without_memory(job: Job) -> None:
    """As Leptonica does; the line comes early, and much follows."""
    os.write(2, b"Error in pixCreateNoInit: pixdata_malloc fail for data\n")
    for _ in range(2000):
        os.write(2, b"Error in pixGetWidth: pix not defined\n")


def die_of_bad_alloc(job: Job) -> None:
    os.write(2, b"terminate called after throwing an instance of 'std::bad_alloc'\n")
    os.abort()


def say_and_abort(job: Job) -> None:
    os.write(2, b"assertion failed: xref\n")
    os.abort()


def exit_in_a_library(job: Job) -> None:
    sys.exit("usage")


def announce_nonsense(job: Job) -> None:
    for pages in (-1, 10**30):
        job.announce_pages(pages)


def remove_scratch(job: Job) -> None:
    shutil.rmtree(job.scratch)


def segfault(job: Job) -> None:
    ctypes.string_at(0)


def abort(job: Job) -> None:
    os.abort()


def leave(job: Job) -> None:
    os._exit(3)


def leave_with_a_false_answer(job: Job) -> None:
    (job.scratch / "answer.json").write_text('{"kind": "Product"')
    os._exit(0)


def leave_with_an_answer(job: Job, answer: str) -> None:
    (job.scratch / "answer.json").write_text(answer)
    os._exit(0)


def leave_with_a_huge_answer(job: Job) -> None:
    with (job.scratch / "answer.json").open("wb") as file:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        file.truncate(65_000_000)
    os._exit(0)


def leave_with_a_deep_answer(job: Job) -> None:
    leave_with_an_answer(job, "[" * 100_000 + "]" * 100_000)


def leave_with_unknown_fields(job: Job) -> None:
    refusal = {"reason": "damaged", "found": "", "depends_on": [], "outcome": "done"}
    leave_with_an_answer(job, json.dumps({"answer": refusal}))


def leave_with_wrong_types(job: Job) -> None:
    leave_with_an_answer(job, json.dumps({"answer": {"files": ["out"], "facts": {}}}))


def leave_with_another_kind(job: Job) -> None:
    """What `inspect` would answer, to an order to work."""
    inspection = {"kind": "pdf", "pages": 1, "pages_to_recognise": 0, "megapixels_to_recognise": 0}
    leave_with_an_answer(job, json.dumps({"answer": inspection}))


def leave_with_a_pipe_for_an_answer(job: Job) -> None:
    os.mkfifo(job.scratch / "answer.json")
    os._exit(0)


def kill_itself(job: Job) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def raise_document_error(job: Job) -> None:
    raise DocumentError(Reason.XFA_FORM, "a form", depends_on=("fault",))


def raise_transient_error(job: Job) -> None:
    raise TransientError("not now")


def raise_config_error(job: Job) -> None:
    raise ConfigError("not so")


def raise_key_error(job: Job) -> None:
    raise KeyError("secret words of the document")


def raise_recursion_error(job: Job) -> None:
    raise_recursion_error(job)


def raise_from_no_space(job: Job) -> None:
    try:
        raise_no_space(job)
    except OSError as error:
        raise ValueError("cannot save") from error


def raise_memory_error(job: Job) -> None:
    raise MemoryError


def raise_stale_handle(job: Job) -> None:
    raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), str(job.document))


def answer_what_is_no_json(job: Job) -> Product:
    return Product({}, {"pages": 1, "words": float("nan")})


def answer_in_broken_unicode(job: Job) -> Product:
    return Product({}, {"pages": 1, "words": 0}, findings=(Finding("attachment", "a\udce9b"),))


def raise_no_space(job: Job) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def raise_io_error(job: Job) -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def open_the_document(job: Job) -> None:
    job.document.read_bytes()


def answer_with_a_link(job: Job) -> Product:
    (job.scratch / "out").symlink_to("/etc/hostname")
    return Product({"pdf": "out"}, {"pages": 1, "words": 0})


def answer_from_outside(job: Job) -> Product:
    return Product({"pdf": "../../etc/hostname"}, {"pages": 1, "words": 0})


def list_descriptors(job: Job) -> Product:
    ends = list(Path("/proc/self/fd").iterdir())
    links = {end.name: str(end.readlink()) for end in ends if end.is_symlink()}  # The listing's own is closed again.
    return Product({}, {"pages": 1, "words": 0, "open": links})


def print_much(job: Job) -> None:
    for stream in (1, 2):
        for _ in range(50):
            os.write(stream, b"noise\n" * 100_000)


def tell_environment(job: Job) -> Product:
    environment = "\n".join(f"{name}={value}" for name, value in os.environ.items())
    with open("/proc/self/environ", "rb") as file:  # noqa: PTH123 - a pseudo file
        environment += file.read().decode()
    with tempfile.NamedTemporaryFile() as file:
        place = file.name
    return Product({}, {"pages": 1, "words": 0, "environment": environment, "temporary": place})


FAULTS: dict[str, Callable[[Job], Product | None]] = {
    "none": lambda _job: None,
    **{name: value for name, value in globals().items() if callable(value) and value.__module__ == __name__},
}
