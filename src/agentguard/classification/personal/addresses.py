# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How are postal addresses written?

A house number beside the word for a street, in the order and the language of the country; post
boxes; a town with its state and code. Data, and what confirms it.

INVARIANT: a word for a street without a number is no address
(tests/classification/test_personal_addresses.py).
"""

import re
from collections.abc import Iterable

from agentguard.classification.engine import NOTHING

_QUOTES = "'\u2019"
_CAPITAL = r"[A-ZÀ-Þ\x{100}-\x{24F}\x{391}-\x{3A9}\x{410}-\x{42F}][^\s0-9,;:!?\"<>()\[\]{}=@/\\_]*"
_NUMBER = r"[0-9]{1,5}[A-Za-z]?(?:[/-][0-9]{1,4}[A-Za-z]?)?"
_UNIT = r"(?:,?\s{1,4}(?:[Aa]pt|[Aa]partment|[Ss]uite|[Ss]te|[Uu]nit|[Ff]loor|[Ff]lat|[Rr]oom|#)\.?\s?#?[A-Za-z0-9-]{1,6}\b)?"
_TOWN = rf"(?:,?\s{{1,4}}{_CAPITAL}(?:[ -]{_CAPITAL}){{0,2}})"
_STATE = rf"(?:{_TOWN},?\s{{1,4}}[A-Z]{{2}}\s{{1,2}}[0-9]{{5}}(?:-[0-9]{{4}})?\b)?"

_ENGLISH = (
    "Street|Avenue|Road|Boulevard|Lane|Drive|Court|Place|Square|Terrace|Parkway|Highway|Circle|"
    "Crescent|Close|Way|Mews|Plaza|Trail|Alley|Loop|Crossing|Grove|Gardens|Turnpike|Broadway"
)
_ENGLISH_SHORT = "St|Ave|Rd|Blvd|Ln|Dr|Ct|Pl|Sq|Ter|Pkwy|Hwy|Cir|Cres|Trl"
_SIDE = r"(?:\s(?:NW|NE|SW|SE|N|S|E|W|North|South|East|West)\b)?"

ENGLISH_KEYWORDS = (
    *(f" {word}" for word in (*_ENGLISH.split("|"), *_ENGLISH_SHORT.split("|"))),
    *(
        f" {word.lower()}"
        for word in _ENGLISH.split("|")
        if word not in {"Way", "Close", "Place", "Loop"}
    ),
)
ENGLISH = (
    rf"\b[0-9]{{1,6}}[A-Za-z]?(?:\s[0-9]{{1,4}})?,?\s(?:[NSEW]\.?\s|North\s|South\s|East\s|West\s)?"
    rf"(?:(?:{_CAPITAL}|[0-9]{{1,3}}(?:st|nd|rd|th))\s){{1,4}}"
    rf"(?:{_ENGLISH}|{_ENGLISH_SHORT})\b\.?{_SIDE}{_UNIT}{_STATE}"
    rf"|(?i:\b[0-9]{{1,6}}\s(?:[a-z'.-]{{2,20}}\s){{1,3}}"
    rf"(?:street|avenue|road|boulevard|lane)\b)"
)

_JOINED_WORDS = (
    "straße|strasse|str.|gasse|weg|platz|allee|ring|damm|ufer|chaussee|straat|laan|plein|gracht|"
    "kade|dijk|vägen|väg|gatan|gata|gränd|gade|vej|veien|vei|gate|katu|tie|utca|plads|allé|plass|"
    "stien|bakken|polku|kuja|tee"
)
JOINED_KEYWORDS = (
    *(
        " Straße ",
        " Strasse ",
        " Str. ",
        " Gasse ",
        " Weg ",
        " Platz ",
        " Allee ",
        " Laan ",
    ),
    *(" Plein ", " Vej ", " Gade "),
    *(word for word in _JOINED_WORDS.split("|") if word not in {"tee", "tie", "ring"}),
)
_JOINED = _JOINED_WORDS.replace(".", "\\.")
# The number comes behind: Hauptstraße 12a, Am Alten Weg 3, Király utca 64.
JOINED = (
    rf"\b{_CAPITAL}(?:[ -]{_CAPITAL}){{0,3}}?(?:{_JOINED})\s{_NUMBER}\b"
    rf"|\b{_CAPITAL}(?:\s{_CAPITAL}){{0,2}}\s(?:[Ss]traße|[Ss]trasse|[Ss]tr\.|[Gg]asse|[Ww]eg|[Pp]latz"
    rf"|[Aa]llee|utca|út|tér|[Vv]ej|[Gg]ade|katu|tee|[Pp]lein|[Ll]aan)\s{_NUMBER}\b"
)

_LEADING_WORDS = (
    "Calle|Avenida|Avda|Plaza|Paseo|Camino|Carrer|Carretera|Ronda|Rúa|Via|Viale|Piazza|Corso|"
    "Vicolo|Largo|Rua|Travessa|Praça|Alameda|Estrada|Rodovia|Ulica|ulica|ul.|Urb"
)
LEADING_KEYWORDS = (
    *_LEADING_WORDS.split("|"),
    *(
        "calle ",
        "avenida ",
        "plaza ",
        "piazza ",
        "viale ",
        "rua ",
        "travessa ",
        "carrer ",
    ),
)
_LEADING = _LEADING_WORDS.replace(".", "\\.")
_SMALL = r"(?:(?:de|del|la|las|los|da|do|dos|das|di|della|dei|degli|e|y|d')\s?){0,3}"
# The word comes first, the number last: Calle Mayor 12, Via Roma, 3, Rua Mina 50.
LEADING = (
    rf"(?:{_LEADING}|calle|avenida|plaza|piazza|viale|rua|travessa|carrer)\.?\s{_SMALL}"
    rf"{_CAPITAL}(?:\s{_SMALL}{_CAPITAL}){{0,4}},?\s(?:[Nn][º°.]?\s?)?{_NUMBER}\b"
)

_FRENCH_WORDS = "rue|avenue|boulevard|place|chemin|allée|allées|impasse|quai|cours|route|square"
_FRENCH = rf"{_FRENCH_WORDS}|av\.|bd|Rue|Avenue|Boulevard|Place"
FRENCH_KEYWORDS = (
    *(f" {word} " for word in _FRENCH_WORDS.split("|")),
    *(" av. ", " bd ", " Rue ", " Avenue d", " Boulevard d", " Place d"),
)
# The number comes first: 12 bis, rue de la Paix.
FRENCH = (
    rf"\b[0-9]{{1,4}}(?:\s?(?:bis|ter|quater))?,?\s(?:{_FRENCH})\s"
    rf"(?:(?:de|du|des|la|le|les|aux?|en)\s|d[{_QUOTES}]|l[{_QUOTES}]){{0,3}}"
    rf"[^\s0-9,;:!?\"<>()=@/_]+(?:[ -](?:de\s|du\s|des\s)?{_CAPITAL}){{0,3}}"
)

BOX_KEYWORDS = (
    *(
        "Box ",
        "BOX ",
        "box ",
        "Postfach",
        "Postbox",
        "postbox",
        "Postbus",
        "Apartado",
        "Casella",
    ),
    *("Caixa Postal", "Boîte", "POSTFACH"),
)
BOX = (
    r"(?i)(?:\bP\.?\s?O\.?\s?Box|\bpost\s?box|\bpostfach|\bpostbus|\bapartado(?:\sde\scorreos)?"
    r"|\bcasella\spostale|\bcaixa\spostal|\bbo[iî]te\spostale|\b(?:PSC|CMR|unit)\s[0-9]{1,5},?\sbox)"
    r"\s?(?:n[o°]?\.?\s?)?[0-9]{1,6}\b(?:\s{1,4}(?:APO|FPO|DPO)\s(?:AA|AE|AP)\s[0-9]{5})?"
)

_STATES = (
    "AL|AK|AZ|AR|CA|CO|CT|DE|FL|GA|HI|ID|IL|IN|IA|KS|KY|LA|ME|MD|MA|MI|MN|MS|MO|MT|NE|NV|NH|NJ|NM|"
    "NY|NC|ND|OH|OK|OR|PA|RI|SC|SD|TN|TX|UT|VT|VA|WA|WV|WI|WY|DC|PR|GU|VI|AA|AE|AP"
)
STATE_KEYWORDS = tuple(f" {state} " for state in _STATES.split("|"))
STATE = (
    rf"\b{_CAPITAL}(?:[ -]{_CAPITAL}){{0,3}},?\s(?:{_STATES})\s{{1,2}}"
    r"[0-9]{5}(?:-[0-9]{4})?\b"
)

CODE_KEYWORDS = (
    *(
        "zip",
        "ZIP",
        "Zip",
        "postcode",
        "Postcode",
        "POSTCODE",
        "postal code",
        "Postal code",
    ),
    *(
        "Postal Code",
        "PLZ",
        "Postleitzahl",
        "code postal",
        "Code postal",
        "código postal",
    ),
    *(
        "Código postal",
        "CEP",
        "CAP ",
        "postal_code",
        "postalCode",
        "post code",
        "zipcode",
    ),
)
CODE = (
    r"(?i)(?:zip(?:[\s_-]?code)?|post(?:al)?[\s_-]?code|plz|postleitzahl|code\spostal"
    r"|c[oó]digo\spostal|cep|cap)[\"']?(?:\snumber|\sno\.?)?(?:\s?[:=]|\sis|\sist|\sest|\ses|)\s?[\"']?"
    r"([A-Z]{1,2}[0-9][0-9A-Z]?\s?[0-9][A-Z]{2}|[A-Z][0-9][A-Z]\s?[0-9][A-Z][0-9]|[0-9]{4}\s?[A-Z]{2}"
    r"|[0-9]{5}-[0-9]{3,4}|[0-9]{2,3}-[0-9]{3,4}|[0-9]{4,6})\b"
)

# Behind these words an address comes, whatever its language.
NAMED_KEYWORDS = (
    *(
        "ddress",
        "ADDRESS",
        "lives at",
        "live at",
        "located at",
        "ship to",
        "Ship to",
        "deliver to",
    ),
    *(
        "moved to",
        "Anschrift",
        "Adresse",
        "adresse",
        "irección",
        "ndirizzo",
        "ndereço",
        "dresse :",
    ),
)
NAMED = (
    r"(?i:address(?:es)?|lives?\sat|located\sat|ship\sto|deliver(?:ed)?\sto|moved\sto|anschrift"
    r"|adresse|direcci[oó]n|indirizzo|endere[cç]o)(?:\s(?:is|to|ist|est|es))?[\"']?\s?[:=]?\s{1,3}[\"']?"
    rf"((?:[0-9]{{1,5}}[A-Za-z]?,?\s(?:[0-9]{{1,4}}\s)?{_CAPITAL}(?:\s{_CAPITAL}){{0,4}}"
    rf"|{_CAPITAL}(?:\s{_CAPITAL}){{0,4}},?\s{_NUMBER})"
    rf"\b(?:,\s{_CAPITAL}(?:[ -]{_CAPITAL}){{0,2}}){{0,3}})"
)

# Words in small letters that stand inside of addresses.
GOING_ON = frozenset(
    (
        *f"{_ENGLISH}|{_ENGLISH_SHORT}|{_JOINED_WORDS}|{_LEADING_WORDS}|{_FRENCH_WORDS}".lower()
        .replace(".", "")
        .split("|"),
        *[
            "apt",
            "apartment",
            "suite",
            "ste",
            "unit",
            "floor",
            "flat",
            "room",
            "bis",
            "ter",
            "quater",
            "av",
            "bd",
            "st",
            "nd",
            "rd",
            "th",
            "út",
            "tér",
        ],
        *[
            "de",
            "del",
            "la",
            "las",
            "los",
            "da",
            "do",
            "dos",
            "das",
            "di",
            "della",
            "dei",
            "degli",
            "e",
            "y",
            "du",
            "des",
            "le",
            "les",
            "au",
            "aux",
            "en",
        ],
        *[
            "p",
            "o",
            "po",
            "post",
            "box",
            "postbox",
            "postfach",
            "postbus",
            "apartado",
            "correos",
            "casella",
            "postale",
        ],
        *["caixa", "postal", "boîte", "boite", "psc", "cmr", "n", "no", "nº", "n°"],
    )
)

_YEAR = re.compile(rb"(?:19|20)\d\d\Z")
_NO_STREET = re.compile(rb"\b(?:the|of|and|to|for|in|on|a|is|was|are|it)\b")
_PLACE_IN_A_TEXT = rb"step|chapter|section|page|version|figure|table|line|part|item|no|vol"
_NUMBERED = re.compile(rb"(?i)\b(?:%b)\b" % _PLACE_IN_A_TEXT)
_NUMBERED_BEFORE = re.compile(rb"(?i)\b(?:%b)\.?\s\Z" % _PLACE_IN_A_TEXT)
_FARTHEST_BEFORE = 32
_COPYRIGHT = re.compile(rb"(?i)(?:copyright|\(c\)|\xc2\xa9|&copy;)[\s0-9,-]{0,16}\Z")
# Programs are moved to Python 3 more often than people to a street that is called so.
_MOVED = re.compile(rb"(?i)moved\s(?:over\s)?to\s{1,4}\Z")
_NAME_AND_NUMBER = re.compile(rb"[^\s,]+\s[0-9]{1,3}")


def confirmed(data: bytes, start: int, end: int) -> Iterable[tuple[int, int]]:
    """Confirm an address: not a part of a text that is numbered, nor a year behind a name."""
    written = data[start:end]
    is_text = _NO_STREET.search(written) or _NUMBERED.search(written)
    before = data[max(0, start - _FARTHEST_BEFORE) : start]
    is_year = _YEAR.search(written) and (b"," not in written or _COPYRIGHT.search(before))
    is_release = _MOVED.search(before) and _NAME_AND_NUMBER.fullmatch(written)
    if is_text or is_year or is_release or _NUMBERED_BEFORE.search(before):
        return NOTHING
    return ((start, end),)
