"""What the kernel says of its own kills for want of memory, in both of its dialects."""

from pathlib import Path

import pytest

from shared.sandbox.oom import count_oom_kills


@pytest.mark.parametrize(
    ("own", "place", "content"),
    [
        ("0::/docker/1234\n", "memory.events", "low 0\noom 4\noom_kill 3\noom_group_kill 0\n"),
        ("0::/user.slice\n", "user.slice/memory.events", "oom_kill 3\n"),
        ("8:memory:/docker/1234\n1:cpu:/x\n", "memory/memory.oom_control", "oom_kill_disable 0\noom_kill 3\n"),
        ("8:memory:/a\n0::/a\n", "memory/a/memory.oom_control", "under_oom 0\noom_kill 3\n"),
        ("1:cpu:/x\n", "memory.events", ""),
        ("0::/gone\n", "other", ""),
    ],
)
def test_kills_are_counted(tmp_path: Path, own: str, place: str, content: str) -> None:
    """Of our own group, as a container sees it and as a host does; nothing where the kernel says nothing."""
    path = tmp_path / "cgroup" / place
    path.parent.mkdir(parents=True)
    path.write_text(content)
    (tmp_path / "own").write_text(own)
    assert count_oom_kills(tmp_path / "cgroup", tmp_path / "own") == (3 if content else 0)


def test_a_kernel_that_says_nothing(tmp_path: Path) -> None:
    """Is none that kills."""
    assert count_oom_kills(tmp_path, tmp_path / "nothing") == 0
