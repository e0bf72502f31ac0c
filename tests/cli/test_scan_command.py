# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does ``agentguard scan`` say what the guard would find, and never the value?"""

import json
import os
import pty
import random
import re
import string
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from agentguard.classification import Classifier
from agentguard.cli import main
from agentguard.cli.scanning import places
from agentguard.vocabulary import Profile

if TYPE_CHECKING:
    from tests.cli.conftest import Ran, Shell

ADDRESS = "jane.doe@customers.example"
RUN = [sys.executable, "-m", "agentguard.cli", "scan"]


def aws_key(seed: int = 1) -> str:
    """Return the id of an access key, made up."""
    made = random.Random(seed)  # noqa: S311 - the same key in every run
    return "AKIA" + "".join(made.choices(string.ascii_uppercase + "234567", k=16))


KEY = aws_key()

Scan = Callable[..., "Ran"]


@pytest.fixture
def scan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Scan:
    """Runs a scan in an empty folder where no policy lies."""
    monkeypatch.delenv("AGENTGUARD_CONFIG", raising=False)
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def scanning(*arguments: str) -> "Ran":
        from tests.cli.conftest import Ran

        capsys.readouterr()
        try:
            code = main(["scan", *arguments])
        except SystemExit as ended:
            code = int(ended.code or 0)
        said = capsys.readouterr()
        assert KEY not in said.out + said.err
        assert ADDRESS not in said.out + said.err
        return Ran(code, said.out, said.err)

    return scanning


def write(name: str, text: str) -> None:
    """Write a file below the current folder."""
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def piped(content: bytes, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
    """Scan standard input in a process of its own."""
    return subprocess.run([*RUN, *arguments, "-"], input=content, capture_output=True, check=False)


def test_a_finding_is_told_by_its_place(scan: Scan) -> None:
    """Each finding stands on a line with path, line, column, class, detector and length."""
    write("app/settings.env", f"# first\nname=x\n id={KEY}\n")
    ran = scan()
    first, *_ = ran.out.splitlines()
    assert first == "app/settings.env:3:5: api_key aws_access_key_id, 20 characters"
    assert "1 finding in 1 of 1 file" in ran.out
    assert "looked with the built-in classes, profile balanced" in ran.out
    assert ran.code == 1


def test_nothing_found_is_success(scan: Scan) -> None:
    """Where nothing is found the command succeeds, and says how much it looked at."""
    write("a.txt", "nothing to see\n")
    ran = scan()
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("0 findings in 0 of 1 file (15 bytes)")


def test_the_classes_are_summed_up(scan: Scan) -> None:
    """The table at the end counts findings and files of each class, most findings first."""
    write("a.txt", f"{ADDRESS} {ADDRESS} {KEY}")
    write("b.txt", ADDRESS)
    lines = [line.split() for line in scan().out.splitlines()]
    assert ["class", "findings", "files"] in lines
    at = lines.index(["class", "findings", "files"])
    assert lines[at + 1 : at + 3] == [["email", "3", "2"], ["api_key", "1", "1"]]


def test_only_some_classes_are_told(scan: Scan) -> None:
    """With --classes others are not told and do not fail; families name all of theirs."""
    write("a.txt", f"{ADDRESS} {KEY}")
    assert {each["class"] for each in scan("--json", "--classes", "email").json["findings"]} == {
        "email"
    }
    assert {each["class"] for each in scan("--json", "--classes", "secret").json["findings"]} == {
        "api_key"
    }
    assert scan("--classes", "payment_card").code == 0
    ran = scan("--classes", "nothing_known")
    assert (ran.code, ran.err) == (
        2,
        "agentguard: there is no class or family 'nothing_known' here\n",
    )
    assert scan("--classes", "media").code == 2


def test_only_some_classes_fail(scan: Scan) -> None:
    """With --fail-on the others are told, and the exit code is that of nothing found."""
    write("a.txt", ADDRESS)
    ran = scan("--fail-on", "secret")
    assert (ran.code, "email" in ran.out) == (0, True)
    assert scan("--fail-on", "secret,email").code == 1


def test_json_tells_all(scan: Scan) -> None:
    """The JSON holds each place with its offsets, what was passed over, and no value."""
    write("a.txt", f"\n{KEY}")
    Path("b.bin").write_bytes(b"\x7fELF\x01\0\0\0")
    told = scan("--json").json
    assert told["findings"] == [
        {
            "path": "a.txt",
            "line": 2,
            "column": 1,
            "end_line": 2,
            "end_column": 21,
            "start": 1,
            "end": 21,
            "length": 20,
            "class": "api_key",
            "detector": "aws_access_key_id",
        }
    ]
    assert told["passed_over"] == [{"path": "b.bin", "why": "binary"}]
    assert (told["files"], told["complete"], told["known"]) == (1, True, 0)


def required(log: Any) -> None:
    """Check the members that SARIF 2.1.0 requires, and that indices and regions are sound."""
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("sarif-2.1.0.json")
    [run] = log["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"] == "agentguard"
    rules = [rule["id"] for rule in driver["rules"]]
    assert len(set(rules)) == len(rules)
    for result in run["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"]
        assert result["level"] in {"error", "warning"}
        assert result["message"]["text"]
        [location] = result["locations"]
        region = location["physicalLocation"]["region"]
        assert location["physicalLocation"]["artifactLocation"]["uri"]
        assert region["startLine"] >= 1
        assert (region["endLine"], region["endColumn"]) > (region["startLine"], 0)
    for invocation in run["invocations"]:
        assert isinstance(invocation["executionSuccessful"], bool)
        for each in invocation["toolExecutionNotifications"]:
            assert each["message"]["text"]


def test_sarif_is_what_tools_expect(scan: Scan) -> None:
    """The SARIF has what the standard requires, names files as URIs, and holds no value."""
    write("with space/a#b.txt", f"{ADDRESS}\n{KEY}\n{aws_key(2)}")
    Path("b.bin").write_bytes(b"\x7fELF\x01\0\0\0")
    ran = scan("--sarif")
    log = ran.json
    required(log)
    [run] = log["runs"]
    assert [result["ruleId"] for result in run["results"]] == [
        "email/email_address",
        "api_key/aws_access_key_id",
        "api_key/aws_access_key_id",
    ]
    location = run["results"][0]["locations"][0]["physicalLocation"]
    assert location["artifactLocation"]["uri"] == "with%20space/a%23b.txt"
    assert run["columnKind"] == "unicodeCodePoints"
    [invocation] = run["invocations"]
    assert [each["message"]["text"] for each in invocation["toolExecutionNotifications"]] == [
        "not looked at: binary"
    ]
    assert ran.code == 1
    absolute = scan("--sarif", str(Path.cwd())).json
    [uri] = {
        each["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        for each in absolute["runs"][0]["results"]
    }
    assert uri.startswith("file:///")


def test_standard_input_is_scanned() -> None:
    """What comes through a pipe is scanned, and its name is that of no file."""
    ran = piped(f"key: {KEY}\n".encode())
    assert ran.returncode == 1
    assert ran.stdout.startswith(b"<stdin>:1:6: api_key")
    assert KEY.encode() not in ran.stdout + ran.stderr
    told = piped(KEY.encode(), "--sarif")
    required(json.loads(told.stdout))
    assert piped(b"").returncode == 0


def test_the_policy_says_what_is_looked_for(shell: "Shell", tmp_path: Path) -> None:
    """With a policy its own classes are found, too, and are named as the policy names them."""
    path = tmp_path / "note.txt"
    path.write_text("about CUST-123456", encoding="utf-8")
    ran = shell("scan", "--json", str(path))
    [finding] = ran.json["findings"]
    assert finding["class"] == "customer_number"
    assert ran.json["looked_with"].startswith("the policy ")
    assert shell("scan", "--fail-on", "organisation", str(path)).code == 1


def test_names_of_members_count_as_the_policy_says(
    shell: "Shell", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A class by name or path is found in JSON; a JSON file too large for that is no success."""
    text = shell.policy.read_text(encoding="utf-8")
    own = 'patterns = ["CUST-[0-9]{6}"]'
    shell.policy.write_text(text.replace(own, f'{own}\nkeys = ["account"]'), encoding="utf-8")
    path = tmp_path / "some.json"
    path.write_text('{"account": {"n": 12, "tag": "x y"}, "b": "CUST-123456"}', encoding="utf-8")
    told = shell("scan", "--json", str(path)).json
    assert [(each["class"], each["detector"], each["length"]) for each in told["findings"]] == [
        ("customer_number", "member", 2),
        ("customer_number", "member", 3),
        ("customer_number", "customer_number", 11),
    ]
    monkeypatch.setattr(places.windows, "__kwdefaults__", {"size": 100, "overlap": 40})
    path.write_text(f'{{"account": 12, "b": "{"x" * 200}"}}', encoding="utf-8")
    ran = shell("scan", str(path))
    assert ran.code == 2
    assert "names and paths of members were not looked at in 1 large JSON file" in ran.out


def test_a_policy_that_was_named_must_be_there(scan: Scan) -> None:
    """A policy that cannot be used ends the scan; it does not fall back to the built-in classes."""
    write("a.txt", KEY)
    assert scan("--config", "missing.toml").code == 2
    write("agentguard.toml", "nonsense")
    assert scan("a.txt").code == 2


def test_what_cannot_be_read_is_no_success(scan: Scan) -> None:
    """A file that cannot be read is named and exits with 2, and the others are scanned."""
    write("b.txt", KEY)
    ran = scan("missing.txt", "b.txt")
    assert ran.code == 2
    assert "agentguard: missing.txt cannot be read" in ran.err
    assert "b.txt:1:1: api_key" in ran.out
    assert "not looked at: 1 unreadable path" in ran.out
    log = scan("--sarif", "missing.txt").json
    required(log)
    assert log["runs"][0]["invocations"][0]["executionSuccessful"] is False
    assert scan("--json", "missing.txt").json["complete"] is False


@pytest.mark.parametrize("form", ["--json", "--sarif", "--fail-on=secret"])
def test_no_name_and_no_text_ends_a_scan(scan: Scan, form: str) -> None:
    """What follows a name that is no UTF-8, a broken text or a path too long is scanned as well."""
    # Each of them ended the scan before it had said what it found.
    broken = f"{KEY}\n".encode("utf-16-le")
    Path("a-half.txt").write_bytes(b"\xff\xfe" + broken + b"A")
    Path("b-alone.txt").write_bytes(b"\xff\xfe" + b"\x00\xd8A\x00" + broken)
    write(os.fsdecode(b"caf\xff.txt"), KEY)
    ran = scan(form, "long" * 100, ".")
    assert ran.code == 2
    assert all(name in ran.out for name in ("a-half.txt", "b-alone.txt", "caf"))
    assert ran.out.count("api_key") >= 3
    assert "cannot be read" in ran.err


def test_a_name_that_the_terminal_cannot_show_ends_no_scan(scan: Scan) -> None:
    """Where letters cannot be printed they are escaped, and the finding is told."""
    write("\u65e5.txt", KEY)
    assert scan().code == 1
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    ran = subprocess.run([*RUN, "."], capture_output=True, check=False, env=environment)
    assert (ran.returncode, ran.stderr) == (1, b"")
    assert ran.stdout.startswith(rb"\u65e5.txt:1:1: api_key")


def test_a_detector_that_fails_is_no_success(scan: Scan, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a detector fails the scan exits with 2, and says nothing of the text that it failed on."""
    write("a.txt", KEY)

    def failing(self: Classifier, text: str) -> tuple[()]:
        raise ValueError(text)

    monkeypatch.setattr(Classifier, "findings", failing)
    ran = scan("a.txt")
    assert (ran.code, ran.out) == (2, "")
    assert "a detector failed (ValueError)" in ran.err


def test_what_was_passed_over_is_told(scan: Scan) -> None:
    """Binary, excluded and large files are counted by reason, and are no failure."""
    Path("a.bin").write_bytes(bytes(100))
    write("skipped.log", KEY)
    write("large.txt", "x" * 2000)
    ran = scan("--exclude", "*.log", "--max-size", "1K")
    assert ran.code == 0
    assert "not looked at: 1 binary file, 1 excluded path, 1 file over the size limit" in ran.out
    assert scan("--max-size", "many").code == 2


def test_a_known_finding_is_left_out(scan: Scan) -> None:
    """What a baseline holds is counted and not told, wherever in its file it stands by then."""
    write("a.txt", KEY)
    assert scan("--write-baseline", "known.json", "a.txt").code == 0
    write("a.txt", f"moved\n\n  {KEY}")
    ran = scan("--baseline", "known.json", "a.txt")
    assert (ran.code, "1 known to the baseline" in ran.out) == (0, True)
    write("a.txt", f"{KEY} {aws_key(2)}")
    [new] = scan("--baseline", "known.json", "--json", "a.txt").json["findings"]
    assert new["start"] == 21
    write("b.txt", KEY)
    assert scan("--baseline", "known.json", "b.txt").code == 1
    assert scan("--baseline", "none.json", "b.txt").code == 2


@pytest.mark.parametrize("before", [0, 7, places.OVERLAP // 2, places.OVERLAP])
@pytest.mark.parametrize("filling", ["x", "\n", "wide ä "])
def test_a_large_file_is_scanned_to_its_end(scan: Scan, before: int, filling: str) -> None:
    """A token that stands over the edge of what is read at once is found, and so is the last."""
    edge = places.WINDOW - before - 10
    text = (filling * edge)[: edge - 1] + f" {KEY} \n"
    write("large.txt", text + filling * 1000 + f"\n{aws_key(2)}")
    found = scan("--json").json["findings"]
    assert [each["start"] for each in found] == [edge, len(text) + len(filling) * 1000 + 1]
    assert [each["length"] for each in found] == [20, 20]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", '{"db": {"access": "%s"}}'),
        ("a.jsonl", '{"n": 1}\n{"n": "%s"}\n'),
        ("a.toml", 'id = "%s"\n'),
        ("a.yaml", "db:\n  id: %s\n"),
        (".env", "export ID=%s\n"),
        ("a.ini", "[a]\nid=%s\n"),
        ("a.xml", "<id>%s</id>"),
    ],
)
def test_every_kind_of_file_is_text(scan: Scan, name: str, text: str) -> None:
    """A token is found in each of the usual forms of configuration, at its own place."""
    write(name, text % KEY)
    [finding] = scan("--json").json["findings"]
    assert (finding["start"], finding["length"]) == (text.index("%s"), 20)


@pytest.mark.parametrize("profile", list(Profile))
def test_each_profile_can_be_tried(scan: Scan, profile: Profile) -> None:
    """A profile can be chosen for a scan, and each of them finds a documented token."""
    write("a.txt", KEY)
    ran = scan("--profile", profile.value, "--json")
    assert ran.json["looked_with"].endswith(f"profile {profile}")
    assert ran.code == 1


def test_a_name_is_shown_with_all_its_characters(scan: Scan) -> None:
    """A file's name cannot move the cursor of the terminal that shows it."""
    write("a\x1b[2Jb.txt", KEY)
    assert scan().out.startswith("a\\u{001b}[2Jb.txt:1:1: ")


def at_terminal(folder: Path, environment: dict[str, str]) -> str:
    """Scan a folder with both outputs on a terminal, and return what the terminal got."""
    ours, theirs = pty.openpty()
    shown = b""
    try:
        with subprocess.Popen(
            [*RUN, str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=theirs,
            cwd=folder,
            env={**os.environ, "TERM": "xterm", **environment},
        ) as running:
            os.close(theirs)
            with suppress(OSError):  # what the terminal says when nobody is left
                while some := os.read(ours, 65536):
                    shown += some
            assert running.wait(30) == 1
    finally:
        os.close(ours)
    return shown.decode()


def test_a_terminal_gets_colours_and_progress(tmp_path: Path) -> None:
    """At a terminal lines are coloured and the progress is shown and taken away again."""
    (tmp_path / "a.txt").write_text(KEY, encoding="utf-8")
    shown = at_terminal(tmp_path, {"NO_COLOR": ""})
    assert "\x1b[31mapi_key\x1b[0m" in shown
    assert "files: 1, read: 0 bytes, findings: 0" in shown
    assert shown.rindex("\r\x1b[K") < shown.index("a.txt:1:1")
    assert KEY not in shown


def test_no_color_is_respected(tmp_path: Path) -> None:
    """With NO_COLOR set the lines have no colours, at a terminal as well."""
    (tmp_path / "a.txt").write_text(KEY, encoding="utf-8")
    shown = at_terminal(tmp_path, {"NO_COLOR": "1"})
    assert "\x1b[3" not in shown
    assert "a.txt:1:1: api_key aws_access_key_id, 20 characters" in shown


def test_the_page_names_every_option_and_no_other(scan: Scan) -> None:
    """docs/scan.md names each option of the command, and none that it does not have."""
    page = (Path(__file__).parents[2] / "docs" / "scan.md").read_text(encoding="utf-8")
    option = re.compile(r"--[a-z][a-z-]+")
    told = set(option.findall(scan("--help").out))
    assert set(option.findall(page)) == told - {"--help"}
