# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does the README's example run as it stands, with the output that it shows?"""

import os
import re
import subprocess
import sys
from pathlib import Path

from agentguard.config import load, starter
from agentguard.signing import new_key

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
LONGEST = 150


def block(language: str, holding: str) -> str:
    """Return the README's code block of a language that holds a text."""
    blocks = re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)
    return next(str(each) for each in blocks if holding in each)


def test_the_example_prints_what_the_readme_says(tmp_path: Path) -> None:
    """The example runs beside a starter policy and prints the shown lines."""
    (tmp_path / "agentguard.toml").write_text(starter(new_key()[1]), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", block("python", "Guard.from_file")],
        cwd=tmp_path,
        env={**os.environ, "PYTHONWARNINGS": "error"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    printed = re.sub(r"\[\[EMAIL:[A-Z2-7]{8}\]\]", "[[EMAIL:…]]", done.stdout)
    assert printed == block("text", "alice reads")


def test_the_rule_in_the_readme_is_the_starter_policys(tmp_path: Path) -> None:
    """The rule that is shown means the same as the one that init writes."""
    text = starter("ed25519:" + "A" * 43 + "=")
    head, _, rest = text.partition('[[rule]]\nid = "refund-small"')
    shown = head + block("toml", "refund-small") + rest[rest.index("[[rule]]") :]
    digests = set()
    for name, content in (("starter", text), ("readme", shown)):
        path = tmp_path / f"{name}.toml"
        path.write_text(content, encoding="utf-8")
        digests.add(load(path).policy.digest)
    assert shown != text
    assert len(digests) == 1


def test_the_readme_is_short() -> None:
    """A newcomer reads the README in one go."""
    assert len(README.splitlines()) <= LONGEST
