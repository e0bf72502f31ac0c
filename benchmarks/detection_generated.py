# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which documents does the benchmark look at where it is given none?

Made up from a seed: credentials in the forms that their providers document, passwords and random
values behind names of our own, in the syntaxes in which they are met; personal data with right
check digits; logs, lock files and histories. Code that holds nothing is the standard library of
the interpreter that runs this. Nothing of it was copied, and the formats are the library's own, so
the shares that it gives are no measure of what is missed elsewhere.
"""

import base64
import json
import random
import string
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path

from detection_scores import Document, Span

from agentguard.classification.formats import TOKEN_FORMATS
from agentguard.testing.token_examples import TokenExample, token_examples

SEED = 20
EACH_FORMAT = 2
CONTEXTUAL, BENIGN, PERSONAL = 600, 120, 600
LONGEST_CODE = 12_000

BASE62 = string.ascii_letters + string.digits
WORDS = (
    *("order", "customer", "invoice", "report", "server", "region", "queue"),
    *("mirror", "garden", "window", "coffee", "winter", "bridge", "yellow"),
    *("planet", "silver", "market", "branch", "signal", "carbon", "ticket"),
    *("summer", "letter", "harbor", "forest", "engine"),
)
NAMES = ("Ada Berg", "Jonas Keller", "Maria Silva", "Tom Baker", "Lena Novak", "Omar Haddad")
OWNERS = ("billing", "acme", "warehouse", "reporting", "crm", "gateway", "backup", "search")
SAYING = (
    *("password", "passwd", "secret", "api_key", "apiKey", "access_token", "client_secret"),
    *("auth_token", "private_key", "signing_secret", "db_password", "encryption_key"),
)
SYNTAXES = (
    "{upper}={value}\n",
    'export {upper}="{value}"\n',
    "{snake}: {value}\n",
    '{{"{snake}": "{value}", "region": "eu-west-1"}}\n',
    "{snake} = '{value}'  # set by the deployment\n",
    'const {camel} = "{value}";\n',
    "client.connect(host, {snake}='{value}')\n",
    '<add key="{camel}" value="{value}" />\n',
    "<{snake}>{value}</{snake}>\n",
    "curl -H 'X-{dashed}: {value}' https://api.example.com/v1/items\n",
    "run --{dashed}={value} --verbose\n",
    "run --{dashed} '{value}'\n",
    "The {words} is {value}, please rotate it soon.\n",
    "GET /v1/items?{snake}={value}&page=2 HTTP/1.1\n",
    "  - name: {upper}\n    value: {value}\n",
    '{snake} => "{value}",\n',
)


def generated(seed: int = SEED) -> dict[str, list[Document]]:
    """Make the three sets."""
    source = random.Random(seed)  # noqa: S311 - the same documents in every run
    secrets = [*_formats(source), *(_contextual(source) for _ in range(CONTEXTUAL))]
    benign = [*_code(), *_made_up(source)]
    personal = [_personal(source) for _ in range(PERSONAL)]
    for documents in (secrets, benign, personal):
        source.shuffle(documents)
    return {"secrets": secrets, "benign": benign, "pii": personal}


def _formats(source: random.Random) -> Iterator[Document]:
    for row in TOKEN_FORMATS:
        for number, example in enumerate(token_examples(row, EACH_FORMAT, SEED)):
            yield _framed(source, example, row.name, alone=not number % 2)


def _framed(source: random.Random, example: TokenExample, name: str, *, alone: bool) -> Document:
    before = "" if alone else f"{_sentence(source)}\n"
    span = (len(before) + example.start, len(before) + example.end, name)
    return Document(f"{before}{example.text}\n{_sentence(source)}\n", (span,), "formats")


def _contextual(source: random.Random) -> Document:
    owner, saying = source.choice(OWNERS), source.choice(SAYING)
    words = [owner, *_parts(saying)]
    value = source.choice(VALUES)(source)
    line = source.choice(SYNTAXES).format(
        upper="_".join(words).upper(),
        snake="_".join(words),
        camel=words[0] + "".join(word.capitalize() for word in words[1:]),
        dashed="-".join(words),
        words=" ".join(words),
        value=value,
    )
    before = f"{_sentence(source)}\n" * source.randrange(3)
    start = len(before) + line.index(value)
    span = (start, start + len(value), saying)
    return Document(before + line + _sentence(source), (span,), "contextual")


def _parts(name: str) -> list[str]:
    split = "".join(f"_{each.lower()}" if each.isupper() else each for each in name)
    return split.split("_")


def _random(alphabet: str, shortest: int, longest: int) -> Callable[[random.Random], str]:
    return lambda source: "".join(source.choices(alphabet, k=source.randint(shortest, longest)))


def _password(source: random.Random) -> str:
    word, other = source.sample(WORDS, 2)
    return f"{word.capitalize()}{source.choice('!#%+')}{source.randrange(10, 9999)}{other[:4]}"


def _base64(source: random.Random) -> str:
    return base64.b64encode(source.randbytes(source.choice((24, 30, 32, 48)))).decode()


VALUES: tuple[Callable[[random.Random], str], ...] = (
    _random(BASE62, 20, 40),
    _random("0123456789abcdef", 32, 32),
    _random("0123456789abcdef", 40, 64),
    _base64,
    _password,
)


def _sentence(source: random.Random) -> str:
    return f"{' '.join(source.choices(WORDS, k=source.randint(4, 12))).capitalize()}."


def _code() -> Iterator[Document]:
    """The modules of the standard library, which every machine has."""
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
        text = path.read_text(encoding="utf-8", errors="replace")[:LONGEST_CODE]
        yield Document(text, (), "repo_code")


def _made_up(source: random.Random) -> Iterator[Document]:
    for kind, line in (
        ("logs", _log_line),
        ("lockfile", _locked),
        ("git_log", _commit),
        ("prose", _sentence),
    ):
        for _ in range(BENIGN):
            yield Document("\n".join(line(source) for _ in range(25)), (), kind)
    for _ in range(BENIGN // 4):
        image = base64.b64encode(source.randbytes(4000)).decode()
        yield Document(f'<img src="data:image/png;base64,{image}">', (), "base64_image")


def _log_line(source: random.Random) -> str:
    request = f"{source.getrandbits(128):032x}"
    at = f"2026-0{source.randint(1, 9)}-1{source.randint(0, 9)}T0{source.randint(0, 9)}:12:45.123Z"
    place = f"/v1/{source.choice(WORDS)}/{source.randrange(100_000)}"
    return (
        f"{at} INFO {source.choice(OWNERS)} request={request} GET {place}"
        f" 200 {source.randrange(900)}ms"
    )


def _locked(source: random.Random) -> str:
    name, version = source.choice(WORDS), f"{source.randrange(9)}.{source.randrange(30)}.1"
    digest = base64.b64encode(source.randbytes(64)).decode()
    return f'"{name}": {{"version": "{version}", "integrity": "sha512-{digest}"}},'


def _commit(source: random.Random) -> str:
    return f"commit {source.getrandbits(160):040x}\n    {_sentence(source)}"


def _personal(source: random.Random) -> Document:
    text, spans = "", list[Span]()
    for _ in range(source.randint(1, 4)):
        kind, make, frames = source.choice(PERSONAL_VALUES)
        value = make(source)
        before, after = source.choice(frames).split("*")
        name = source.choice(NAMES)
        text += before.format(name=name)
        spans.append((len(text), len(text) + len(value), kind))
        text += value + after.format(name=name) + " "
    return Document(text + _sentence(source), tuple(spans), "generated")


def _email(source: random.Random) -> str:
    user = source.choice(NAMES).lower().replace(" ", source.choice("._-"))
    return f"{user}{source.randrange(90)}@{source.choice(WORDS)}.{source.choice(('com', 'org'))}"


def _card(source: random.Random) -> str:
    issuer = source.choice(("4", "51", "55"))
    digits = issuer + "".join(source.choices(string.digits, k=15 - len(issuer)))
    doubled = (int(digit) * (2 - at % 2) for at, digit in enumerate(digits))
    total = sum(each - 9 if each > 9 else each for each in doubled)
    digits += str(-total % 10)
    return source.choice((" ", "-", "")).join(digits[at : at + 4] for at in range(0, 16, 4))


def _iban(source: random.Random) -> str:
    country, length = source.choice((("DE", 18), ("NL", 0), ("AT", 16), ("FR", 23), ("PL", 24)))
    body = (
        "ABNA" + "".join(source.choices(string.digits, k=10))
        if country == "NL"
        else "".join(source.choices(string.digits, k=length))
    )
    number = "".join(str(int(each, 36)) for each in f"{body}{country}00")
    return f"{country}{98 - int(number) % 97:02d}{body}"


def _ssn(source: random.Random) -> str:
    first = source.choice([*range(1, 666), *range(667, 900)])
    return f"{first:03d}-{source.randint(1, 99):02d}-{source.randint(1, 9999):04d}"


def _phone(source: random.Random) -> str:
    area, last = source.choice((202, 212, 312, 415, 617)), source.randrange(10_000)
    return source.choice(
        (
            f"+1 {area}-{source.randint(220, 989)}-{last:04d}",
            f"({area}) {source.randint(220, 989)}-{last:04d}",
            f"+49 30 {source.randint(2_000_000, 9_000_000)}",
            f"+44 20 7946 {source.randrange(1000):04d}",
        )
    )


def _ip(source: random.Random) -> str:
    numbers = (source.choice((34, 52, 81, 145, 203)), *(source.randrange(1, 255) for _ in range(3)))
    return ".".join(map(str, numbers))


def _url(source: random.Random) -> str:
    return f"https://www.{source.choice(WORDS)}.com/{source.choice(WORDS)}"


PERSONAL_VALUES: tuple[tuple[str, Callable[[random.Random], str], tuple[str, ...]], ...] = (
    ("EMAIL", _email, ("Write to * today.", "{name} <*> wrote:", "email: *,")),
    ("CREDIT_CARD", _card, ("The card is *.", "card number * expires soon,", "paid with *;")),
    ("IBAN", _iban, ("Transfer it to * please.", "IBAN: *.")),
    ("US_SSN", _ssn, ("{name} has the SSN *.", "social security number *,")),
    ("PHONE", _phone, ("Call {name} at *.", "phone: *,", "Mobile * or mail.")),
    ("IP", _ip, ("The request came from *.", "client ip *,")),
    ("URL", _url, ("See * for more.", "It is at *,")),
)


def speed_texts() -> list[Document]:
    """Make texts of fixed sizes, the same for all engines, the hardest last."""
    source = random.Random(SEED)  # noqa: S311 - the same texts in every run
    small = [Document(_prose(source, 1024), (), "1 KB prose") for _ in range(200)]
    rows = [Document(_rows(source, 10_240), (), "10 KB JSON") for _ in range(20)]
    random_bytes = base64.b64encode(source.randbytes(750_000)).decode()
    return [*small, *rows, Document(random_bytes, (), "1 MB base64")]


def _prose(source: random.Random, size: int) -> str:
    return "".join(f"{_sentence(source)} " for _ in range(size // 20))[:size]


def _rows(source: random.Random, size: int) -> str:
    rows: list[object] = []
    while len(json.dumps(rows)) < size:
        rows.append(
            {
                "id": source.randrange(10**9),
                "title": _sentence(source),
                "state": source.choice(WORDS),
                "tags": source.sample(WORDS, 3),
                "amount": round(source.random() * 900, 2),
                "updated": "2026-03-14T09:26:53Z",
            }
        )
    return json.dumps(rows)
