# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Paths that look as if they stayed below a folder, and paths that look as if they did not.

The story: a rule says that an agent may read reports, and a model writes whatever a program reads
as a path. Each row is one way that was tried to leave the folder under a rule that allows, or to
reach one under a rule that denies.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.canonical import Frozen
from agentguard.policy import PathBelow
from agentguard.vocabulary import Chain, Circumstances, Principal, PrincipalKind

CHAIN = Chain(principals=(Principal(id="agent:a", kind=PrincipalKind.AGENT),))
REPORTS = PathBelow(roots=("/srv/reports", "/srv/shared/public"))
SECRETS = PathBelow(roots=("/etc/secrets",))

INSIDE = ["/srv/reports/a", "/srv/reports/2026/q3.txt", "/srv/shared/public/.hidden"]
OUTSIDE: dict[str, Frozen] = {
    "another folder": "/etc/passwd",
    "the root of all": "/",
    "nothing": "",
    "the folder itself": "/srv/reports",
    "a folder above": "/srv",
    "a name that only begins so": "/srv/reports-old/a",
    "a name that only begins so, without a slash": "/srv/reportsa",
    "up and out": "/srv/reports/../secrets",
    "up at the end": "/srv/reports/a/..",
    "up twice": "/srv/reports/a/../../secrets",
    "up and in again": "/srv/other/../reports/a",
    "here": "/srv/reports/./a",
    "here at the end": "/srv/reports/.",
    "a doubled slash": "/srv/reports//a",
    "doubled slashes in front": "//srv/reports/a",
    "a final slash": "/srv/reports/a/",
    "relative": "srv/reports/a",
    "relative, from here": "./srv/reports/a",
    "a home": "~/reports/a",
    "somebody's home": "~root/a",
    "a home within": "/srv/reports/~root/a",
    "nul": "/srv/reports/a\x00.txt",
    "nul before another path": "/srv/reports/a\x00/../../etc/passwd",
    "a line break": "/srv/reports/a\n/etc/passwd",
    "a carriage return": "/srv/reports/a\r",
    "a tab": "/srv/reports/\ta",
    "delete": "/srv/reports/\x7f",
    "an escape sequence": "/srv/reports/\x1b[2K",
    "a line separator": "/srv/reports/\u2028a",
    "next line": "/srv/reports/\x85a",
    "backslashes": "\\srv\\reports\\a",
    "a backslash on the way up": "/srv/reports/..\\..\\secrets",
    "a drive": "C:\\srv\\reports\\a",
    "a drive with slashes": "C:/srv/reports/a",
    "a share": "\\\\server\\reports\\a",
    "a device": "\\\\?\\C:\\srv\\reports",
    "a URL": "file:///srv/reports/a",
    "blanks in front": " /srv/reports/a",
    "other letters": "/SRV/reports/a",
    "full width slashes": "／srv／reports／a",  # noqa: RUF001 - the evasion
    "full width dots": "/srv/reports/．．/a\x00",  # noqa: RUF001 - the evasion
    "a lone surrogate": "/srv/reports/\ud800",
    "a list": ("/srv/reports/a",),
    "an object": {"path": "/srv/reports/a"},
    "bytes as numbers": 47,
    "null": None,
    "true": True,
}
# What may be, lie in or hold the folder, or cannot be read in one way.
MAYBE_SECRET: dict[str, Frozen] = {
    "a file in it": "/etc/secrets/key",
    "the folder itself": "/etc/secrets",
    "a folder above": "/etc",
    "everything": "/",
    "a final slash": "/etc/secrets/",
    "a final slash on a folder above": "/etc/",
    "other letters": "/ETC/Secrets/key",
    "letters that fold": "/etc/ſecrets/key",  # noqa: RUF001 - the evasion
    "full width letters": "/etc/ｓecrets/key",  # noqa: RUF001 - the evasion
    "here": "/etc/./secrets/key",
    "up and in": "/var/../etc/secrets/key",
    "doubled slashes": "/etc//secrets/key",
    "doubled slashes in front": "//etc/secrets/key",
    "relative": "etc/secrets/key",
    "relative, up": "../../etc/secrets/key",
    "a home": "~/key",
    "a backslash": "/etc\\secrets\\key",
    "nul": "/var/a\x00",
    "a line break": "/var/a\n/etc/secrets/key",
    "a URL": "file:///etc/secrets/key",
    "blanks": " /etc/secrets/key",
    "a lone surrogate": "/var/\ud800",
    "a list": ("/var/a",),
    "null": None,
    "a number": 3,
}


class Plain(Mapping[str, str | None]):
    """A file system without links."""

    def __getitem__(self, text: str) -> str:
        """Return the path as the system reads it."""
        return os.path.normpath(text) if text.startswith("/") else f"/work/{text}"

    def __iter__(self) -> Iterator[str]:
        """Name no path."""
        return iter(())

    def __len__(self) -> int:
        """Count no path."""
        return 0


def here(constraint: PathBelow, paths: Mapping[str, str | None]) -> PathBelow:
    """Return a constraint as it is where paths lead so."""
    return constraint.in_context(CHAIN, Circumstances(paths=paths))


@pytest.mark.parametrize("path", INSIDE)
def test_a_file_below_the_folder_is_allowed(path: str) -> None:
    """A plain path below one of the folders satisfies the constraint."""
    assert here(REPORTS, Plain()).problem_with(path) is None


@pytest.mark.parametrize("row", OUTSIDE)
def test_no_way_leads_out_of_the_folder(row: str) -> None:
    """What is not plainly below the folder does not satisfy the constraint."""
    assert here(REPORTS, Plain()).problem_with(OUTSIDE[row]) == REPORTS.demand


@pytest.mark.parametrize("row", MAYBE_SECRET)
def test_no_spelling_leads_out_of_a_deny_rule(row: str) -> None:
    """What may be the folder, lie in it or hold it is not ruled out."""
    assert not here(SECRETS, Plain()).rules_out(MAYBE_SECRET[row])


@pytest.mark.parametrize("path", ["/var/a", "/etc/secrets-old/a", "/etc/hosts", "/home/a/etc"])
def test_a_plain_path_elsewhere_is_ruled_out(path: str) -> None:
    """A plain path that neither holds nor lies in the folder is none of a deny rule's business."""
    assert here(SECRETS, Plain()).rules_out(path)


@pytest.mark.parametrize("path", [*INSIDE, "/etc/secrets/key", "/var/a"])
def test_where_nobody_followed_the_links_nothing_is_known(path: str) -> None:
    """Without resolved paths nothing is below a folder, and nothing is ruled out."""
    for constraint in (REPORTS, SECRETS, here(REPORTS, {}), here(SECRETS, {path: None})):
        assert constraint.problem_with(path) is not None
        assert not constraint.rules_out(path)


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    """A path below the folder that leads elsewhere satisfies nothing, and meets a deny rule there."""
    reports, secrets = tmp_path / "reports", tmp_path / "secrets"
    reports.mkdir()
    secrets.mkdir()
    (secrets / "key").write_text("x", encoding="utf-8")
    (reports / "link").symlink_to(secrets)
    (reports / "plain").write_text("x", encoding="utf-8")
    texts = [str(each) for each in (reports, secrets, reports / "link/key", reports / "plain")]
    paths = {text: os.path.realpath(text) for text in texts}
    below = here(PathBelow(roots=(str(reports),)), paths)
    assert below.problem_with(str(reports / "plain")) is None
    assert below.problem_with(str(reports / "link/key")) is not None
    denied = here(PathBelow(roots=(str(secrets),)), paths)
    assert not denied.rules_out(str(reports / "link/key"))
    assert denied.rules_out(str(reports / "plain"))


def test_a_folder_that_is_a_link_itself_is_followed() -> None:
    """A root that is a link holds what lies below the place it leads to."""
    paths = {"/srv/reports": "/data/r7", "/srv/reports/a": "/data/r7/a", "/srv/shared/public": "/p"}
    assert here(REPORTS, paths).problem_with("/srv/reports/a") is None
    moved = {**paths, "/srv/reports/a": "/srv/reports/a"}
    assert here(REPORTS, moved).problem_with("/srv/reports/a") is not None


def test_a_path_of_one_folder_that_leads_to_another_is_refused() -> None:
    """Text and place must lie below the same one of several folders."""
    paths = {
        "/srv/reports": "/srv/reports",
        "/srv/shared/public": "/srv/shared/public",
        "/srv/reports/a": "/srv/shared/public/a",
    }
    assert here(REPORTS, paths).problem_with("/srv/reports/a") is not None


@pytest.mark.parametrize(
    "root",
    ["reports", "./a", "/", "", "/srv/", "/srv//a", "/srv/../a", "/srv/.", "~/a", "/a/~b", "C:\\a"],
)
def test_a_folder_that_is_no_plain_path_is_refused(root: str) -> None:
    """A root that could be read in two ways, or that holds everything, is a mistake."""
    with pytest.raises(ValueError, match="not an absolute POSIX path"):
        PathBelow(roots=(root,))


def test_a_folder_is_needed() -> None:
    """A constraint without folders is a mistake."""
    with pytest.raises(ValueError, match="at least one folder"):
        PathBelow(roots=())


PIECES = st.sampled_from(
    [
        *("/", "srv", "reports", "shared", "public", "etc", "secrets", "..", ".", "~", "a", "\\"),
        *("\x00", "\n", "//", "/srv/reports/", "REPORTS", "%2e", "\uff0f", "\uff0e", " ", "-old"),
    ]
)
PATHS = st.lists(PIECES, max_size=9).map("".join)


@settings(deadline=None, max_examples=500)
@given(PATHS)
def test_the_system_reads_the_same_path(path: str) -> None:
    """Whatever is put together: what is allowed is already the path that it comes down to."""
    if here(REPORTS, Plain()).problem_with(path) is None:
        assert os.path.normpath(path) == path
        assert path.startswith(("/srv/reports/", "/srv/shared/public/"))


@settings(deadline=None, max_examples=500)
@given(PATHS)
def test_a_path_that_is_ruled_out_comes_down_to_another_place(path: str) -> None:
    """Whatever is put together: what is ruled out neither holds nor lies in the denied folder."""
    if here(SECRETS, Plain()).rules_out(path):
        plain = f"{os.path.normpath(path)}/"
        assert not plain.startswith("/etc/secrets/")
        assert not "/etc/secrets/".startswith(plain)
