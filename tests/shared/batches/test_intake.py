import os
from pathlib import Path

import pytest

from shared.batches.intake import check_apart, read_source
from shared.documents import digest_file
from shared.errors import ConfigError
from shared.locations import parse_location, render_for_terminal, render_location


def test_every_file_is_an_input_in_sorted_order(tmp_path: Path) -> None:
    """Files of all folders come out by location, with size and digest."""
    for name in ("b.pdf", "a/z.pdf", "a/y"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    arrivals = read_source(tmp_path, 2).arrivals
    assert [arrival.location for arrival in arrivals] == ["a/y", "a/z.pdf", "b.pdf"]
    assert all(arrival.digest == digest_file(arrival.path) for arrival in arrivals)
    assert [arrival.size for arrival in arrivals] == [3, 7, 5]


def test_what_cannot_be_read_is_an_input_all_the_same(tmp_path: Path) -> None:
    """A broken link, a pipe and a link to a folder hang nothing, vanish nowhere, and say what they are."""
    (tmp_path / "broken").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder")
    problems = {arrival.location: arrival.problem for arrival in read_source(tmp_path, 2).arrivals}
    assert set(problems) == {"broken", "pipe", "link"}
    assert "No such file" in problems["broken"]
    assert "a pipe" in problems["pipe"]
    assert "folder" in problems["link"]


def test_hidden_files_are_counted_not_read(tmp_path: Path) -> None:
    """Names with a leading dot are no inputs, and the count of them is known."""
    (tmp_path / ".DS_Store").write_bytes(b"x")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config").write_bytes(b"x")
    (tmp_path / "a.pdf").write_bytes(b"x")
    intake = read_source(tmp_path, 1)
    assert [arrival.location for arrival in intake.arrivals] == ["a.pdf"]
    assert intake.ignored == 2


def test_one_file_is_a_source(tmp_path: Path) -> None:
    """A single file is a batch of one."""
    (tmp_path / "a.pdf").write_bytes(b"x")
    (arrival,) = read_source(tmp_path / "a.pdf", 1).arrivals
    assert arrival.location == "a.pdf"


def test_a_missing_source_is_named(tmp_path: Path) -> None:
    """A source that is not there is the operator's error."""
    with pytest.raises(ConfigError, match="absent does not exist"):
        read_source(tmp_path / "absent", 1)


@pytest.mark.parametrize(("source", "destination"), [("a", "a"), ("a", "a/b"), ("a/b", "a")])
def test_source_and_destination_stay_apart(tmp_path: Path, source: str, destination: str) -> None:
    """Outputs never become inputs, and originals are never replaced."""
    with pytest.raises(ConfigError, match="overlap"):
        check_apart(tmp_path / source, tmp_path / destination)


@pytest.mark.parametrize("name", [b"plain.pdf", b"\xff\xfe.pdf", b"back\\slash\\x41.pdf", "ü#ß\n.pdf".encode()])
def test_locations_lead_back_to_the_file(tmp_path: Path, name: bytes) -> None:
    """Any file name survives the way through text, byte for byte, and the text is valid Unicode."""
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
    path.write_bytes(b"x")
    (arrival,) = read_source(tmp_path, 1).arrivals
    arrival.location.encode("utf-8")
    assert os.fsencode(parse_location(arrival.location)) == name
    assert arrival.location == render_location(Path(os.fsdecode(name)))


def test_a_name_cannot_steer_the_terminal() -> None:
    """Control characters in a name are shown, not obeyed."""
    assert render_for_terminal("a\x1b[2Jb\n.pdf") == "a\\x1b[2Jb\\n.pdf"
