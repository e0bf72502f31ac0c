# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does a baseline know what was found before, and nothing that could be read from it?"""

import json
import stat
from pathlib import Path

import pytest

from agentguard.cli.output import CommandFailed
from agentguard.cli.scanning.baseline import new_baseline, read_baseline, write_baseline

NAME, CLASS, VALUE = "some/customer.env", "email", "jane.doe@customers.example"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the baseline goes."""
    return tmp_path / "known.json"


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """Where its key goes."""
    return tmp_path / "known.json.key"


def test_a_mark_is_the_same_with_the_same_key_alone(path: Path, key: Path, tmp_path: Path) -> None:
    """The same file, class and value have one mark; another of them, or another key, has not."""
    first = new_baseline(path, key)
    mark = first.mark(NAME, CLASS, VALUE)
    assert new_baseline(path, key).mark(NAME, CLASS, VALUE) == mark
    others = {
        first.mark("other", CLASS, VALUE),
        first.mark(NAME, "phone", VALUE),
        first.mark(NAME, CLASS, VALUE + "x"),
        new_baseline(path, tmp_path / "other.key").mark(NAME, CLASS, VALUE),
    }
    assert mark not in others
    assert len(others) == 4


def test_where_the_command_runs_changes_nothing(
    path: Path, key: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file has the same mark named from its own folder and from any other."""
    baseline = new_baseline(path, key)
    (tmp_path / "some").mkdir()
    monkeypatch.chdir(tmp_path)
    mark = baseline.mark(NAME, CLASS, VALUE)
    monkeypatch.chdir(tmp_path / "some")
    assert baseline.mark("customer.env", CLASS, VALUE) == mark
    assert baseline.mark(str(tmp_path / NAME), CLASS, VALUE) == mark


def test_nothing_can_be_read_from_it(path: Path, key: Path) -> None:
    """The baseline holds digests, its key is in a file for its owner alone, no repr shows it."""
    baseline = new_baseline(path, key)
    mark = baseline.mark(NAME, CLASS, VALUE)
    write_baseline(path, [mark, mark])
    content = path.read_text(encoding="ascii")
    assert json.loads(content)["marks"] == [mark]
    secret = key.read_text(encoding="ascii").strip()
    for hidden in (VALUE, CLASS, "customer", secret):
        assert hidden not in content
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert repr(bytes.fromhex(secret)) not in repr(baseline)
    assert read_baseline(path, key).known == {mark}


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"form": "other", "marks": []}', '{"marks": 1}', "\xff", "[" * 200_000],
)
def test_what_is_no_baseline_is_refused(path: Path, key: Path, content: str) -> None:
    """A file of another form is no baseline that knows nothing, but an error."""
    new_baseline(path, key)
    path.write_text(content, encoding="latin-1")
    with pytest.raises(CommandFailed, match="is no baseline"):
        read_baseline(path, key)


def test_a_missing_part_is_an_error(path: Path, key: Path, tmp_path: Path) -> None:
    """Without the file or without its key there is no baseline; a key that is none is told."""
    with pytest.raises(CommandFailed, match="cannot be read"):
        read_baseline(path, key)
    write_baseline(path, [])
    with pytest.raises(CommandFailed, match="key of the baseline is not at"):
        read_baseline(path, key)
    key.write_text("abc", encoding="ascii")
    with pytest.raises(CommandFailed, match="is no key"):
        read_baseline(path, key)
    with pytest.raises(CommandFailed, match="is no key"):
        new_baseline(path, key)
    with pytest.raises(CommandFailed, match="no key can be written"):
        new_baseline(path, tmp_path / "no" / "folder.key")
    with pytest.raises(CommandFailed, match="cannot be written"):
        write_baseline(tmp_path / "no" / "folder.json", [])
    with pytest.raises(CommandFailed, match="cannot be read"):
        read_baseline(path, tmp_path)
