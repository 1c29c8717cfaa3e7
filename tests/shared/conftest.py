"""PostgreSQL for tests, where its server programs are installed."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest


def _find_postgresql() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """A throw-away server that listens on a socket in a temporary folder only."""
    programs = _find_postgresql()
    if programs is None:
        pytest.skip("PostgreSQL's server programs are not installed (scripts/setup --full installs them)")
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    if as_user:
        shutil.chown(folder, "postgres")
    data = folder / "data"
    control = [*as_user, str(programs / "pg_ctl"), "-D", str(data), "-w"]
    try:
        initdb = [*as_user, str(programs / "initdb"), "-D", str(data), "-A", "trust", "-U", "mailroom", "--no-sync"]
        subprocess.run(initdb, check=True, capture_output=True, cwd="/")
        options = f"-c listen_addresses='' -k {folder}"
        subprocess.run(
            [*control, "-o", options, "-l", str(folder / "log"), "start"], check=True, capture_output=True, cwd="/"
        )
        yield f"postgresql://mailroom@/postgres?host={folder}"
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], check=False, capture_output=True, cwd="/")
        shutil.rmtree(folder)


@pytest.fixture
def postgresql_database(postgresql_url: str, tmp_path: Path) -> str:
    """A fresh database of its own for each test."""
    name = f"test_{abs(hash(tmp_path))}"
    with psycopg.connect(postgresql_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return postgresql_url.replace("/postgres?", f"/{name}?")
