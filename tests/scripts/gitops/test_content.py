"""Content versions change with what an image is made of, and with nothing else."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.gitops.content import Versions, combine, explain, read_versions
from shared.errors import ConfigError
from shared.settings import ROOT
from tests.scripts.gitops.checkout import FLOW, LOCK, Checkout

Edit = Callable[[Path], object]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """`scan` imports shared.text, which imports shared.words; `mail` imports shared.words; `file` imports nothing."""
    made = Checkout.make(tmp_path / "a", "scan", "mail", "file")
    made.write("flows/scan/flow.py", "from shared.text import clean\n" + FLOW.format(name="scan"))
    made.write("flows/mail/flow.py", "import shared.words\n" + FLOW.format(name="mail"))
    made.write("flows/scan/steps.py", "LIMIT = 1\n")
    made.write("flows/scan/README.md", "# scan\n")
    made.write("flows/scan/apt.txt", "poppler-utils\n")
    made.write("shared/__init__.py", "")
    made.write("shared/words.py", "WORDS = 1\n")
    made.write("shared/text.py", "from shared import words\n\n\ndef clean() -> int:\n    return words.WORDS\n")
    made.write("shared/unused.py", "x = 1\n")
    made.write("shared/store/__init__.py", "")
    made.write("shared/store/rows.py", "y = 1\n")
    made.write("shared/store/schema.sql", "select 1;\n")
    made.write("shared/store/migrations/0001.py", "from shared import later\n\nz = later\n")
    made.write("shared/later.py", "l = 1\n")
    made.write("flows/file/steps.py", "def read() -> None:\n    from shared.store import rows\n\n    del rows\n")
    made.write("Dockerfile", "FROM scratch\n")
    return made.root


def replace(place: str, old: str, new: str) -> Edit:
    return lambda root: (root / place).write_text((root / place).read_text().replace(old, new))


def append(place: str, text: str) -> Edit:
    return lambda root: (root / place).open("a").write(text)


def create(place: str, text: str = "new = 1\n") -> Edit:
    def write(root: Path) -> None:
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        (root / place).write_text(text)

    return write


def use_crlf(root: Path) -> None:
    for path in root.rglob("*.py"):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))


ALL = "scan mail file"
EDITS: dict[str, tuple[Edit, str]] = {
    "a README": (append("flows/scan/README.md", "more"), ""),
    "a cron line": (append("flows/scan/prefect.yaml", "# 0 1 * * *\n"), ""),
    "what a workflow reads": (
        append("flows/mail/prefect.yaml", "\nworkflow: {reads: [scan], max_age: 24h}\n"),
        "mail",
    ),
    "a step": (append("flows/scan/steps.py", "LIMIT = 2\n"), "scan"),
    "a comment in a step": (append("flows/scan/steps.py", "# why\n"), "scan"),
    "a shared module that one uses": (append("shared/text.py", "a = 1\n"), "scan"),
    "a shared module that two use, one by way of another": (append("shared/words.py", "a = 1\n"), "scan mail"),
    "a shared module that nobody uses": (append("shared/unused.py", "a = 1\n"), ""),
    "a new shared module that nobody uses": (create("shared/more.py"), ""),
    "the __init__ of shared": (append("shared/__init__.py", "a = 1\n"), ALL),
    "a new module of a workflow": (create("flows/mail/steps.py"), "mail"),
    "a removed module": (lambda root: (root / "flows/scan/steps.py").unlink(), "scan"),
    "a renamed module": (lambda root: (root / "flows/scan/steps.py").rename(root / "flows/scan/think.py"), "scan"),
    "a module imported inside a function": (append("shared/store/rows.py", "a = 1\n"), "file"),
    "data in a shared package": (append("shared/store/schema.sql", "select 2;\n"), "file"),
    "a migration": (append("shared/store/migrations/0001.py", "a = 1\n"), "file"),
    "a package that the group of one asks for": (replace("uv.lock", "10.18.0", "10.19.0"), "scan"),
    "a package behind that one": (replace("uv.lock", "6.0.0", "6.0.1"), "scan"),
    "a package of all": (replace("uv.lock", "2.14.0", "2.15.0"), ALL),
    "a package for development": (replace("uv.lock", "9.0.0", "9.0.1"), ""),
    "the project's own version": (replace("uv.lock", '"0.1.0"', '"0.2.0"'), ""),
    "the Dockerfile": (append("Dockerfile", "USER 1000\n"), ALL),
    "the system packages of one": (append("flows/scan/apt.txt", "qpdf\n"), "scan"),
    "the oldest Python": (replace("pyproject.toml", ">=3.11", ">=3.12"), ALL),
    "line ends of another system": (use_crlf, ""),
    "the executable bit": (lambda root: (root / "flows/scan/steps.py").chmod(0o755), ""),
    "a touch": (lambda root: os.utime(root / "flows/scan/steps.py", (1, 1)), ""),
    "what Python leaves behind": (create("flows/scan/__pycache__/steps.cpython-311.pyc"), ""),
    "a test of a workflow": (create("flows/scan/tests/test_steps.py"), ""),
    "the __init__ of all flows": (create("flows/__init__.py"), ALL),
    "a README that is data": (create("flows/scan/data/README.md"), "scan"),
    "a module that only a migration imports": (append("shared/later.py", "a = 1\n"), "file"),
    "a hidden file": (create("flows/scan/.cache"), ""),
    "a first import of shared": (append("flows/mail/flow.py", "from shared import unused\n"), "mail"),
}


def images(root: Path) -> dict[str, str]:
    return {name: found.image for name, found in read_versions(root).items()}


@pytest.mark.parametrize("title", EDITS)
def test_an_edit_changes_exactly_these(root: Path, title: str) -> None:
    """Of each kind of edit, the workflows whose image it changes, and no other."""
    edit, expected = EDITS[title]
    before = images(root)
    edit(root)
    after = images(root)
    assert {name for name in before if before[name] != after[name]} == set(expected.split())


def test_another_checkout_elsewhere_is_equal(root: Path, tmp_path: Path) -> None:
    """In another folder, time zone, locale, and with other hashes: the same digests."""
    other = shutil.copytree(root, tmp_path / "another place")
    program = (
        "import sys, pathlib\nfrom tests.scripts.gitops.test_content import images\n"
        "print(images(pathlib.Path(sys.argv[1])))"
    )
    environment = {**os.environ, "TZ": "Asia/Tokyo", "LC_ALL": "C", "PYTHONHASHSEED": "7"}
    said = subprocess.run(
        [sys.executable, "-c", program, str(other)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.strip() == str(images(root))


def test_a_declaration_changes_the_workflow_version(root: Path) -> None:
    """A cron line changes the workflow's version, and not its image's; the order of keys changes neither."""
    image = images(root)["scan"]
    first = combine(image, {"cron": "0 1 * * *", "slug": "a"})
    assert first != combine(image, {"cron": "0 2 * * *", "slug": "a"})
    assert first == combine(image, {"slug": "a", "cron": "0 1 * * *"})
    assert first != combine("0" * 16, {"cron": "0 1 * * *", "slug": "a"})


def test_what_changed_is_named(root: Path) -> None:
    """File by file and package by package."""
    before = read_versions(root)["scan"]
    for title in ("a step", "a package behind that one", "a removed module", "the Dockerfile"):
        EDITS[title][0](root)
    create("flows/scan/more.py")(root)
    assert explain(before, read_versions(root)["scan"]) == [
        "flows/scan/more.py added",
        "flows/scan/steps.py removed",
        "lock: lxml 6.0.0 -> 6.0.1",
        "Dockerfile changed",
    ]
    assert explain(before, before) == []
    assert isinstance(before, Versions)


def test_a_module_with_a_syntax_error_is_named(root: Path) -> None:
    """With its line."""
    append("flows/scan/steps.py", "def (\n")(root)
    with pytest.raises(ConfigError, match=r"flows/scan/steps.py:2: no valid Python"):
        read_versions(root)


@pytest.mark.parametrize("content", [None, "not [ toml", LOCK.replace("editable", "registry")])
def test_a_lock_that_cannot_be_read_is_named(root: Path, content: str | None) -> None:
    """With what to do."""
    (root / "uv.lock").unlink()
    if content is not None:
        (root / "uv.lock").write_text(content)
    with pytest.raises(ConfigError, match=r"uv\.lock .*run uv lock"):
        read_versions(root)


def test_this_repository() -> None:
    """What the workflow imports, starts by name and installs is in; scripts are not."""
    found = {each.name for each in read_versions(ROOT)["ocr_intake"].inputs}
    assert {"shared/sandbox/server.py", "flows/ocr_intake/readers.py", "tesserocr", "shared/ledger/tables.py"} <= found
    assert not any(name.startswith("scripts/") for name in found)
    assert not {"pytest", "ruff", "shared/commands/follow.py", "flows/ocr_intake/README.md"} & found
