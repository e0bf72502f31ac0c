# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""A configuration file is read whole, or refused with everything that is wrong with it."""

import base64
import pathlib
from collections.abc import Callable

import pytest

from agentguard.config import Severity, check, load, load_policy
from agentguard.config.toml_files import _syntax_error
from agentguard.errors import ConfigError
from agentguard.vocabulary import Action, Effect, Impact, KnownValue

KEY = "ed25519:" + base64.b64encode(bytes(range(32))).decode()

GOOD = f"""\
version = 1
name = "support"

[deployment]
store = "state/guard.db"

[[identity]]
id = "agent:support"
owner = "user:carol"

[groups]
team = ["user:alice"]

[[tool]]
name = "refund"
impact = "irreversible"
receives = ["email", "customer_number"]
idempotency = "key"

[[rule]]
id = "refund"
who = "agent:support"
for = ["group:team"]
tool = "refund"
args.order = {{ match = "ORD-[0-9]{{8}}" }}
args.amount = {{ int = [1, 100] }}
args.currency = {{ in = ["usd", "eur"] }}
args.kind = {{ const = "goodwill" }}
args.note = {{ any = true, optional = true }}
then = "approve"
approval = "leads"

[[rule]]
id = "chat"
who = ["agent:*"]
for = ["user:*"]
provider = "openai"
model = ["gpt-4o*"]
then = "allow"

[approval.leads]
approvers = [{{ id = "user:carol", key = "{KEY}" }}]
decide_within = "4h"
execute_within = "10m"
wait = "30s"

[[class]]
name = "email"
action = "block"
approvers_see = true

[[class]]
name = "customer_number"
patterns = ["CUST-[0-9]{{6}}"]
values = ["vip-canary-1"]
values_file = "vips.txt"
values_from_env = ["VIP_KEY"]

[[class]]
name = "credential"
values = ["written-canary-2"]
values_from_env = ["STRIPE_KEY"]

[[provider]]
id = "openai"
hosts = ["api.openai.com", "127.0.0.1:*"]
extra_fields = ["top_k"]
headers = ["X-Team"]
"""
ENV = {"STRIPE_KEY": "env-canary-3\n", "VIP_KEY": "env-canary-4"}
CANARIES = ("vip-canary-1", "written-canary-2", "env-canary-3", "env-canary-4", "file-canary-5")

Write = Callable[[str], pathlib.Path]


@pytest.fixture
def write(tmp_path: pathlib.Path) -> Write:
    """Write a configuration file beside a file of values."""
    (tmp_path / "vips.txt").write_text("file-canary-5\n\n  file-canary-6  \n")

    def written(text: str) -> pathlib.Path:
        path = tmp_path / "agentguard.toml"
        path.write_text(text)
        return path

    return written


def problems(
    path: pathlib.Path, env: dict[str, str] | None = None
) -> list[tuple[str, int | None, str]]:
    """The key, line and message of each problem of a file."""
    with pytest.raises(ConfigError) as caught:
        load(path, ENV if env is None else env)
    assert {problem.file for problem in caught.value.problems} == {str(path)}
    return [(each.key, each.line, each.message) for each in caught.value.problems]


def test_a_file_becomes_settings(write: Write) -> None:
    """Everything that the file says stands in the settings."""
    path = write(GOOD)
    settings = load(path, ENV)
    policy = settings.policy
    assert settings.path == path
    assert settings.deployment.store == path.parent / "state/guard.db"
    assert policy.name == "support"
    assert policy.tools["refund"].impact is Impact.IRREVERSIBLE
    assert policy.owners == {"agent:support": "user:carol"}
    assert policy.identities == {"agent:support"}
    assert [rule.effect for rule in policy.rules] == [Effect.APPROVE, Effect.ALLOW]
    assert [each.name for each in policy.rules[0].arguments] == [
        "order",
        "amount",
        "currency",
        "kind",
        "note",
    ]
    leads = policy.profiles["leads"]
    assert (leads.need, leads.wait.seconds, leads.decide_within.seconds) == (1, 30, 4 * 3600)
    assert policy.classes["email"].action is Action.BLOCK
    assert policy.classes["email"].approvers_see
    assert policy.classes["customer_number"].family == "organisation"
    assert policy.classes["api_key"].action is Action.REDACT
    assert policy.providers["openai"].headers == {"x-team"}
    assert policy.provider_of("http://127.0.0.1:81") is policy.providers["openai"]
    (own,) = settings.own
    assert own.patterns == ("CUST-[0-9]{6}",)
    assert own.values == ("vip-canary-1", "file-canary-5", "file-canary-6")
    assert settings.known == (
        KnownValue(value="env-canary-4", data_class="customer_number"),
        KnownValue(value="written-canary-2", data_class="credential"),
        KnownValue(value="env-canary-3", data_class="credential"),
    )


def test_settings_show_no_known_value(write: Write) -> None:
    """No known value stands in the repr of the settings."""
    shown = repr(load(write(GOOD), ENV))
    assert not any(canary in shown for canary in CANARIES)


def test_the_deployment_is_not_part_of_the_digest(write: Write) -> None:
    """Another store, and other values in the environment, give the same digest."""
    before = load(write(GOOD), ENV).policy.digest
    moved = GOOD.replace("state/guard.db", "elsewhere.db")
    assert load(write(moved), ENV | {"VIP_KEY": "another value"}).policy.digest == before
    other = GOOD.replace("vip-canary-1", "vip-canary-9")
    assert load(write(other), ENV).policy.digest != before


def test_the_environment_is_read_by_default(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an environment of its own, loading reads the one of the process."""
    for name, value in ENV.items():
        monkeypatch.setenv(name, value)
    assert len(load(write(GOOD)).known) == 3


TEN_MISTAKES = f"""\
version = 1
name = "support"

[[identity]]
id = "agent:support"

[[tool]]
name = "refund"
impact = "harmful"

[[tool]]
name = "lookup"
impact = "read_only"
receives = ["email"]

[[rule]]
id = "one"
who = ["agent:support", "agent:unknown"]
for = ["user:*"]
tool = "refnud"
args.amount = {{ int = [100, 1] }}
args.order = {{ match = "ORD-(" }}
then = "allow"

[[rule]]
id = "two"
who = ["agent:support"]
tool = "lookup"
args.order = {{ int = [1, 2] }}
than = "allow"
then = "approve"

[approval.leads]
approvers = [
    {{ id = "user:carol", key = "{KEY}" }},
    {{ id = "user:dave", key = "ed25519:AAAA" }},
]
need = 3
decide_within = "4 hours"
execute_within = "10m"
"""


def test_ten_mistakes_give_ten_located_messages(write: Write) -> None:
    """One error lists every mistake of the file, in the order of the lines."""
    found = problems(write(TEN_MISTAKES))
    assert [(line, key) for key, line, _ in found] == [
        (9, "tool[0].impact"),
        (18, "rule[0].who"),
        (20, "rule[0].tool"),
        (21, "rule[0].args.amount.int"),
        (22, "rule[0].args.order.match"),
        (25, "rule[1].approval"),
        (30, "rule[1].than"),
        (36, "approval.leads.approvers[1].key"),
        (38, "approval.leads.need"),
        (39, "approval.leads.decide_within"),
    ]
    messages = [message for _, _, message in found]
    assert messages[1] == "identity 'agent:unknown' is not declared: add an [[identity]]"
    assert messages[2] == "tool 'refnud' is not declared: add a [[tool]]"
    assert messages[3] == "the lower bound 100 lies above the upper bound 1"
    assert messages[5] == "is needed with then = 'approve'"
    for message in messages:
        assert message[0].islower() or message[0] in "'\""
        assert not message.endswith(".")
        assert "\n" not in message


@pytest.mark.parametrize(
    ("old", "new", "key", "message"),
    [
        ("version = 1", "version = 2", "version", "must be 1"),
        ("version = 1", "version = true", "version", "must be an integer"),
        ("version = 1\n", "", "version", "is needed"),
        ('name = "support"\n', "", "name", "is needed"),
        ('name = "support"', "name = 5", "name", "must be text"),
        ("version = 1", "version = 1\nversions = 1", "versions", "is not a known key"),
        ("[deployment]", "[deployments]", "deployments", "is not a known key"),
        ("[deployment]", "[deployment]\nlog = 1", "deployment.log", "is not a known key"),
        ("[[identity]]", "[identity]", "identity", "must be written as [[identity]] tables"),
        ('team = ["user:alice"]', 'team = "user:alice"', "groups.team", "must be a list"),
        ('team = ["user:alice"]', 'team = ["user:alice", 1]', "groups.team[1]", "must be text"),
        ('impact = "irreversible"\n', "", "tool[0].impact", "is needed"),
        ('"irreversible"', '"IRREVERSIBLE"', "tool[0].impact", "must be 'read_only', "),
        ('idempotency = "key"', 'idempotency = "no"', "tool[0].idempotency", "must be 'key'"),
        ('receives = ["email"', 'receives = ["emial"', "tool[0].receives", "'emial' is not a"),
        ('receives = ["email"', 'receives = [1, "email"', "tool[0].receives[0]", "must be text"),
        ('"group:team"', '"group:x"', "rule[0].for", "group 'group:x' is not declared"),
        ('tool = "refund"', "tool = 5", "rule[0].tool", "must be a list"),
        ('tool = "refund"\n', "", "rule[0]", "names neither"),
        ('who = ["agent:*"]\n', "", "rule[1].who", "is needed"),
        ('then = "allow"', 'then = "permit"', "rule[1].then", "must be 'allow', 'approve' or"),
        ('then = "allow"', 'then = "off"', "rule[1].then", "must be 'allow', 'approve' or"),
        ("int = [1, 100]", "int = [1]", "rule[0].args.amount.int", "both ends are needed"),
        ("int = [1, 100]", "int = [1, 100.0]", "rule[0].args.amount.int[1]", "an integer"),
        ("int = [1, 100]", "int = [true, 100]", "rule[0].args.amount.int[0]", "an integer"),
        ("int = [1, 100]", "int = [1, 9007199254740992]", "rule[0].args.amount.int", "2^53-1"),
        ("int = [1, 100]", "max = 100", "rule[0].args.amount", "must have exactly one of"),
        ("int = [1, 100]", "max = 100", "rule[0].args.amount.max", "is not a known key"),
        ("int = [1, 100]", "int = [1, 2], any = true", "rule[0].args.amount", "exactly one of"),
        ("{ int = [1, 100] }", "5", "rule[0].args.amount", "must be a table"),
        ('in = ["usd", "eur"]', "in = []", "rule[0].args.currency.in", "at least one option"),
        ('in = ["usd", "eur"]', "in = [[1]]", "rule[0].args.currency.in", "must hold text"),
        ('in = ["usd", "eur"]', "in = [nan]", "rule[0].args.currency.in", "not finite"),
        ('const = "goodwill"', "const = 1979-05-27", "rule[0].args.kind.const", "must hold text"),
        ("any = true,", "any = false,", "rule[0].args.note.any", "must be true"),
        ("optional = true", 'optional = "yes"', "rule[0].args.note.optional", "true or false"),
        ('approval = "leads"', 'approval = "lead"', "rule[0].approval", "is not declared"),
        ('provider = "openai"', 'provider = "azure"', "rule[1].provider", "is not declared"),
        ('decide_within = "4h"\n', "", "approval.leads.decide_within", "is needed"),
        ('wait = "30s"', 'wait = "1.5h"', "approval.leads.wait", "must be a duration"),
        ('wait = "30s"', "wait = 30", "approval.leads.wait", "must be text"),
        ('wait = "30s"', 'need = "one"', "approval.leads.need", "must be an integer"),
        (f', key = "{KEY}"', "", "approval.leads.approvers[0].key", "is needed"),
        (
            'approvers = [{ id = "user:carol"',
            'approvers = [{ no = 1, id = "user:carol"',
            "approval.leads.approvers[0].no",
            "is not a known key",
        ),
        ('action = "block"', 'action = "off"', "class[0].action", "must be 'block', "),
        ("approvers_see = true", "approvers_see = 1", "class[0].approvers_see", "true or false"),
        ('"CUST-[0-9]{6}"', '"("', "class[1].patterns[0]", "not one that re2 takes"),
        ('"CUST-[0-9]{6}"', '"x*"', "class[1].patterns[0]", "matches the empty text"),
        ('name = "email"', 'name = "mail"', "class[0]", "is not a built-in class"),
        ('name = "email"', 'patterns = ["a"]\nname = "email"', "class[0].patterns", "built-in"),
        ('"vips.txt"', '"vip.txt"', "class[1].values_file", "file 'vip.txt' does not exist"),
        ('"api.openai.com"', '"https://x"', "provider[0].hosts[0]", "must be a host name"),
        ('"api.openai.com"', '"x:*"', "provider[0].hosts[0]", "only for a loopback name"),
        ('"X-Team"', '"X Team"', "provider[0].headers[0]", "must be the name of a header"),
    ],
)
def test_each_mistake_is_told_at_its_key(
    write: Write, old: str, new: str, key: str, message: str
) -> None:
    """A mistake is told with its key, and on a line where that key or its table stands."""
    assert old in GOOD
    path = write(GOOD.replace(old, new, 1))
    lines = path.read_text().split("\n")
    found = problems(path)
    matching = [line for where, line, text in found if where == key and message in text]
    assert matching, found
    for line in matching:
        if line is not None:
            assert lines[line - 1].strip()


def test_a_mistake_in_one_table_does_not_hide_those_in_others(write: Write) -> None:
    """A wrong shape in a rule leaves the other keys of the same rule checked."""
    text = GOOD.replace('then = "approve"', 'then = "ask"').replace('"group:team"', '"group:x"')
    assert [key for key, _, _ in problems(write(text))] == ["rule[0].for", "rule[0].then"]


def test_a_wrong_declaration_still_declares(write: Write) -> None:
    """A tool that is declared with a mistake is not unknown to the rules that name it."""
    text = GOOD.replace('impact = "irreversible"', 'impact = "?"')
    assert [key for key, _, _ in problems(write(text))] == ["tool[0].impact"]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ('version = 1\nname = "x\n', 2, "a text is not closed"),
        ("version = 1\nversion = 1\n", 2, "the key or the table is there already"),
        ("version = 1\nname = \n", 2, "a value is missing"),
        ("[a]\n[a]\n", 2, "the table is there already"),
        ("x = [1,", 1, "a value is missing"),
    ],
)
def test_a_syntax_error_is_the_only_problem(
    write: Write, text: str, line: int, message: str
) -> None:
    """A file that is not TOML gives one problem with its line."""
    ((key, found_line, found),) = problems(write(text))
    assert (key, found_line) == ("", line)
    assert found.startswith(message)
    assert not found.endswith(")")


@pytest.mark.parametrize("text", ["x = " + "[" * 5000 + "]" * 5000, "x = " + "1" * 5000])
def test_a_file_that_overwhelms_the_parser_is_refused(write: Write, text: str) -> None:
    """Nesting and numbers beyond what the parser takes are a problem of the file."""
    ((_, line, message),) = problems(write(text))
    assert line == 1
    assert "deeper than" in message or "too many digits" in message


def test_a_file_that_cannot_be_read_is_refused(tmp_path: pathlib.Path) -> None:
    """A missing file, a folder and a file that is not UTF-8 each give one problem."""
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"name = '\xff'")
    for path, message in (
        (tmp_path / "missing.toml", "does not exist"),
        (tmp_path, "is a folder"),
        (binary, "not UTF-8"),
    ):
        ((_, _, found),) = problems(path)
        assert message in found


def test_no_value_of_a_class_stands_in_an_error(write: Write) -> None:
    """Neither the error nor anything behind it holds a value, for mistakes right beside them."""
    for old, new in (
        ('values = ["vip-canary-1"]', 'values = ["vip-canary-1", 1]'),
        ('values = ["vip-canary-1"]', 'values = [["vip-canary-1"]]'),
        ('values = ["vip-canary-1"]', 'values = "vip-canary-1"'),
        ('values = ["vip-canary-1"]', 'values = ["vip-canary-1'),
        ('name = "credential"', 'nam = "credential"'),
    ):
        with pytest.raises(ConfigError) as caught:
            load(write(GOOD.replace(old, new)), ENV)
        error: BaseException | None = caught.value
        while error is not None:
            shown = f"{error!s}{error!r}{error.args!r}{vars(error)!r}"
            assert not any(canary in shown for canary in CANARIES)
            error = error.__cause__ or error.__context__


def test_an_unset_variable_refuses_the_file(write: Write) -> None:
    """A known value that is not in the environment is a problem, not a gap."""
    found = problems(write(GOOD), env={"VIP_KEY": " "})
    assert [(key, message) for key, _, message in found] == [
        ("class[1].values_from_env[0]", "environment variable 'VIP_KEY' is not set"),
        ("class[2].values_from_env[0]", "environment variable 'STRIPE_KEY' is not set"),
    ]


def test_checking_tells_errors_or_else_doubts(write: Write) -> None:
    """A check gives the problems of a file that cannot be used, and the doubts of one that can."""
    assert check(write(GOOD), ENV) == ()
    errors = check(write(TEN_MISTAKES), ENV)
    assert len(errors) == 10
    assert {remark.severity for remark in errors} == {Severity.ERROR}
    wide = GOOD.replace('who = "agent:support"', 'who = "agent:*"')
    (doubt,) = check(write(wide), ENV)
    assert (doubt.severity, doubt.problem.key, doubt.problem.line) == (
        Severity.WARNING,
        "rule[0].who",
        22,
    )
    assert str(doubt).startswith("warning: ")


def test_a_policy_is_read_without_the_values_of_its_classes(write: Write) -> None:
    """An approver reads the same policy where neither the file of values nor the variables are."""
    path = write(GOOD)
    policy, deployment = load_policy(path)
    settings = load(path, ENV)
    assert policy.digest == settings.policy.digest
    assert deployment == settings.deployment
    (path.parent / "vips.txt").unlink()
    assert load_policy(path)[0].digest == policy.digest
    with pytest.raises(ConfigError):
        load_policy(write(TEN_MISTAKES))


@pytest.mark.parametrize("name", ["groups", "approval"])
def test_named_tables_must_be_tables(write: Write, name: str) -> None:
    """A value in place of groups or approval profiles is told as such."""
    ((key, line, message),) = problems(write(f'version = 1\nname = "x"\n{name} = 1\n'))
    assert (key, line, message) == (name, 3, "must be a table")


def test_a_syntax_error_without_a_place_is_not_repeated() -> None:
    """What the parser says without a place is not trusted to be free of the file's text."""
    assert _syntax_error("canary", "") == ("the file is not TOML", None)
