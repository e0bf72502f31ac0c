# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What do the words around a number say that it is?

Words and phrases in several languages, each of one topic, and a look at the few words before and
behind a place. It reads words out of names, too: ``taxId``, ``ssn_number``, ``date-of-birth``.
It does not look at the number.

INVARIANT: only the nearest words count, however long the text is
(tests/classification/test_personal_context.py).
"""

import re
import unicodedata
from collections.abc import Iterator
from enum import StrEnum

from agentguard.matching import deferred

# How far before and behind a number a word may stand, in bytes.
BEFORE = 72
BEHIND = 24
_IN_RUN = b"0123456789 ().-/+"
_WORD = re.compile(r"(?<![0-9])(?:[A-Z]+(?![a-z0-9])|[A-Z]?[a-z]+(?![a-z0-9]))|[^\W\d_A-Za-z]+")
_JOINED = re.compile(r"['\u2019](?=[A-Za-z])|(?<=\b[A-Za-z])\.(?=[A-Za-z])")
# Scripts that put no blanks between words.
_UNSPACED = re.compile("[\u0e00-\u0e7f\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7a3]")


class Topic(StrEnum):
    """What a word speaks of."""

    ACCOUNT = "account"
    BIRTH = "birth"
    CALL = "call"
    CARD = "card"
    HEALTH = "health"
    IDENTITY = "identity"
    LICENCE = "licence"
    NETWORK = "network"
    PASSPORT = "passport"
    PHONE = "phone"
    ROUTING = "routing"
    TAX = "tax"
    WALLET = "wallet"


# In lower case; phrases are joined by a hyphen.
_WORDS: dict[Topic, str] = {
    Topic.PHONE: """
        phone phones telephone tel mobile cell cellphone cellular fax whatsapp sms gsm msisdn
        landline hotline helpline voicemail pager telefon telefonnummer telefone teléfono telefono téléphone telefoon
        telefax mobil mobiltelefon mobilnummer handy handynummer festnetz rufnummer móvil celular
        cellulare numéro-de-téléphone portable fixe telemóvel mobiel puhelin puhelinnumero telefoni
        phone-number phone-no contact-number contact-no callback telepono telefonul
        телефон тел моб τηλεφωνο κινητο 电话 手机 電話 携帯 전화 휴대폰 هاتف טלפון""",
    Topic.CALL: """
        call calling reach dial ring text-me answering contact contacts office desk emergency
        appeler appelez joindre anrufen erreichen erreichbar llamar llame chiamare chiama ligar
        ligue bellen nummer número numéro""",
    Topic.IDENTITY: """
        ssn ssns social-security socialsecurity social-insurance national-insurance national-id
        nationalid national-identity national-identification national-number nino
        identity-card identity-number identity-code identity-document identification-number
        id-card id-number id-no idno personal-id personal-identity personal-number personal-code
        citizen-id citizen-number citizenship-number resident-id residence-permit
        resident-registration aadhaar aadhar aadharcard uidai voter-id epic pan pan-number pan-card
        dni nie documento-nacional documento-de-identidad cédula cédula-de-ciudadanía curp nss rut
        run cpf rg seguridad-social número-de-identidad personalausweis ausweis ausweisnummer
        sozialversicherungsnummer sozialversicherung versicherungsnummer
        rentenversicherungsnummer rvnr svnr sv-nummer ahv avs ahv-nummer numéro-avs
        sécurité-sociale numéro-de-sécurité nir insee carte-d-identité carte-didentité
        codice-fiscale cf carta-d-identità carta-didentità cartão-de-cidadão cartão-cidadão
        bilhete-de-identidade bsn burgerservicenummer sofinummer rijksregisternummer
        rijksregister numéro-national registre-national identiteitskaart pesel dowód
        dowód-osobisty personnummer samordningsnummer fødselsnummer fnr cpr cpr-nummer hetu
        henkilotunnus isikukood asmens-kodas personas-kods kimlik kimlik-no tckn tc-kimlik tc-no
        cnp cod-numeric egn oib rodné-číslo rodné teudat-zehut sin sin-number nric fin
        fin-number hkid my-number mynumber south-african-id rsa-id sa-id zaid nin pps ppsn amka
        jmbg emso kennitala snils tnin frn rrn adhar cnic ktp nik mykad id-nummer
        身份证 身份證 身分證 身份证号 マイナンバー 個人番号 주민등록번호 외국인등록번호
        снилс егн паспорт תעודת-זהות""",
    Topic.TAX: """
        tax taxes tax-identification-number taxpayer-identification-number tax-id taxid taxpayer tax-number tax-no tin tins itin ein fein atin vat vat-id
        vatid vat-number vat-no vat-reg vatin utr tfn tax-file abn acn gst gstin steuer steuer-id
        steuernummer steueridentifikationsnummer identifikationsnummer idnr ust ustid ust-id
        ustidnr ust-idnr umsatzsteuer mwst número-fiscal numéro-fiscal fiscal nif cif siren siret spi tva
        partita-iva piva p-iva rfc cuit cuil nit contribuinte cnpj cpf btw btw-nummer nip
        regon moms organisationsnummer orgnr org-nr orgnummer inn afm vkn npwp nipt tax-reference
        employer-identification company-number pan-number pan uen brn business-registration
        инн ддс αφμ 税号""",
    Topic.ACCOUNT: """
        account accounts account-number account-no accountnumber acct acct-no bank-account
        bank-account-number checking savings iban bank konto kontonummer bankkonto
        bankverbindung compte numéro-de-compte rib cuenta número-de-cuenta ccc clabe conto
        numero-di-conto conto-corrente conta conta-corrente rekening rekeningnummer
        bankrekening beneficiary payee deposit wire bsb""",
    Topic.CARD: """
        card cards card-number creditcard credit debit visa mastercard maestro amex
        american-express discover diners jcb unionpay cc ccn kreditkarte kartennummer ec-karte
        tarjeta tarjeta-de-crédito carte-bancaire carte-bleue carte-de-crédit carta-di-credito
        cartão cartão-de-crédito creditcardnummer kreditkort 银行卡 信用卡 クレジットカード""",
    Topic.WALLET: """
        wallet wallets bitcoin btc ethereum eth ether crypto cryptocurrency usdt usdc monero
        xmr litecoin ltc dogecoin doge solana cardano ripple xrp tron trx portefeuille cartera
        кошелек 钱包""",
    Topic.ROUTING: """
        routing routing-number routing-no aba rtn aba-number aba-routing sort-code sortcode
        bankleitzahl blz transit bic swift swift-code swiftcode bic-code bsb ifsc ifsc-code
        micr""",
    Topic.PASSPORT: """
        passport passports passport-number passport-no passportno reisepass reisepassnummer
        passnummer pass-nr passeport pasaporte passaporto passaporte paspoort paspoortnummer
        pas passi paszport pasaport pass-number travel-document travel-documents
        паспорт загранпаспорт 护照 旅券 여권""",
    Topic.LICENCE: """
        driver-license driver-licence drivers-license drivers-licence driver-s-license
        driver-s-licence driving-license driving-licence licence license license-number
        licence-number license-no dl dl-number dln permis-de-conduire permis führerschein
        fuehrerschein führerscheinnummer patente patente-di-guida carnet-de-conducir
        licencia-de-conducir permiso-de-conducir carta-de-condução cnh rijbewijs
        rijbewijsnummer körkort prawo-jazdy ajokortti operator-license""",
    Topic.HEALTH: """
        nhs nhs-number nhs-no medicare medicaid mbi npi dea dea-number medical medical-record
        medical-file mrn patient patient-id patient-no patient-number health-insurance
        health-card insurance insurance-number insurance-id insurance-policy policy-number
        policy-no policy policyholder policyholder-id member-id subscriber-id prescriber
        krankenkasse krankenversicherung krankenversichertennummer versichertennummer kvnr
        lanr arztnummer carte-vitale tarjeta-sanitaria tessera-sanitaria patientennummer ihi
        phn ohip health-number chart-number hospital-number""",
    Topic.BIRTH: """
        birth birthday birthdate birth-date date-of-birth dob born geburtsdatum geburtstag
        geboren geb date-de-naissance naissance née-le fecha-de-nacimiento nacimiento
        nacido nacida data-di-nascita nascita nato nata data-de-nascimento nascimento nascido
        nascida geboortedatum geboorte fødselsdato født födelsedatum syntymäaika
        data-urodzenia urodzony urodzona дата-рождения 出生日期 生年月日 생년월일""",
    Topic.NETWORK: """
        ip ips ipv addr host server client peer gateway dns subnet router ping proxy whitelist
        blacklist blocked firewall""",
}


def words(text: str) -> list[str]:
    """Return the words of a short text in lower case without accents, names taken apart."""
    if not text.isascii():
        decomposed = unicodedata.normalize("NFKD", text)
        text = "".join(each for each in decomposed if not unicodedata.combining(each))
        text = unicodedata.normalize("NFC", text.replace("ø", "o").replace("ß", "ss"))
    return "\n".join(_WORD.findall(_JOINED.sub("", text))).lower().split()


def _phrases() -> dict[str, dict[tuple[str, ...], tuple[Topic, ...]]]:
    """Return the phrases by their first word."""
    known: dict[str, dict[tuple[str, ...], tuple[Topic, ...]]] = {}
    for topic, listed in _WORDS.items():
        for phrase in listed.split():
            parts = tuple(words(phrase))
            for key in {parts, ("".join(parts),)}:
                beginning = known.setdefault(key[0], {})
                if topic not in beginning.get(key, ()):
                    beginning[key] = (*beginning.get(key, ()), topic)
    return known


_KNOWN = _phrases()
_UNSPACED_WORDS = tuple(
    (word, topics)
    for phrases in _KNOWN.values()
    for (word, *_), topics in phrases.items()
    if _UNSPACED.search(word)
)
# A word no longer than that must stand apart, or as a part of a name such as ``userSSN``.
_SHORT = 4
_SHORTEST_JOINED = 3
_BLANK = r"[\s_'.\x{2019}-]?"


def _gate() -> str:
    """Return what matches wherever a phrase stands, and at some other places."""
    listed = {phrase.replace("-", " ") for topic in _WORDS.values() for phrase in topic.split()}
    spelled = listed | {" ".join(phrase) for beginning in _KNOWN.values() for phrase in beginning}
    spaced = sorted(phrase for phrase in spelled if not _UNSPACED.search(phrase))
    short = [phrase.replace(" ", _BLANK) for phrase in spaced if len(phrase) <= _SHORT]
    long = [phrase.replace(" ", _BLANK) for phrase in spaced if len(phrase) > _SHORT]
    unspaced = [word for word, _ in _UNSPACED_WORDS]
    joined = [word for word in spaced if word.isascii() and _SHORTEST_JOINED <= len(word) <= _SHORT]
    joined = [word.upper() for word in joined] + [word.title() for word in joined]
    return (
        rf"(?i:(?:\b|_)(?:{'|'.join(short)})(?:\b|_|[0-9])|{'|'.join((*long, *unspaced))})"
        rf"|[a-z](?:{'|'.join(joined)})(?:\b|_)"
    )


_GATE = deferred(_gate())


def windows(data: bytes, reach: int) -> Iterator[tuple[int, int]]:
    """Yield the parts of a text that lie near a word, without overlap.

    Args:
        data: the text.
        reach: how long what stands near a word may be.
    """
    place, size = 0, len(data)
    first = stop = 0
    while (spans := _GATE.find(data, place, size)) is not None:
        start, place = spans[0]
        begin = max(0, start - BEHIND - reach)
        if begin > stop:
            begin = _unbroken(data, stop, begin)
        if begin > stop:
            if stop:
                yield first, stop
            first = begin
        stop = min(size, place + BEFORE + reach)
    if stop:
        yield first, stop


def _unbroken(data: bytes, first: int, place: int) -> int:
    """Return where the run of digits begins that stands at a place, the place if none does."""
    if data[place] not in _IN_RUN or data[place - 1] not in _IN_RUN:
        return place
    return first + len(data[first:place].rstrip(_IN_RUN))


def topics_near(data: bytes, start: int, end: int) -> dict[Topic, int]:
    """Return what the words around a place speak of, and how many words away each is."""
    return topics_behind(data, end) | topics_before(data, start)


def topics_before(data: bytes, place: int) -> dict[Topic, int]:
    """Return what the words before a place speak of, and how many words away each is."""
    window = data[max(0, place - BEFORE) : place].decode("utf-8", "ignore")
    near = words(window)
    found: dict[Topic, int] = {}
    for end, topics in _known_phrases(near):
        for topic in topics:
            found[topic] = min(found.get(topic, len(near)), len(near) - end)
    return found


def topics_behind(data: bytes, place: int) -> dict[Topic, int]:
    """Return what the words right behind a place speak of, and how many words away each is."""
    window = data[place : place + BEHIND].decode("utf-8", "ignore").partition("\n")[0]
    found: dict[Topic, int] = {}
    for end, topics in _known_phrases(words(window)):
        for topic in topics:
            found.setdefault(topic, end)
    return found


def speaks_of_personal_data(name: str) -> bool:
    """Say whether the name of a member says what stands in it, such as ``phoneNumber``."""
    return any(True for _ in _known_phrases(words(name)))


def _known_phrases(near: list[str]) -> Iterator[tuple[int, tuple[Topic, ...]]]:
    """Yield where known phrases end; of several that end together only the longest."""
    ends: set[int] = set()
    for start, word in enumerate(near):
        beginning = _KNOWN.get(word)
        if beginning is not None:
            for phrase, topics in beginning.items():
                end = start + len(phrase)
                if end not in ends and (len(phrase) == 1 or tuple(near[start:end]) == phrase):
                    ends.add(end)
                    yield end, topics
        if not word.isascii():
            yield from ((start + 1, topics) for part, topics in _UNSPACED_WORDS if part in word)
