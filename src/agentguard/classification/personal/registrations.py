# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How are numbers of taxpayers, patients, bank accounts and personal papers written?

Data only. Numbers without a check are taken only where a word near them says what they are.
"""

from agentguard.classification.classes import (
    BANK_ACCOUNT,
    DATE_OF_BIRTH,
    DRIVING_LICENCE,
    MEDICAL_ID,
    NATIONAL_ID,
    PASSPORT,
    PAYMENT_CARD,
    TAX_ID,
)
from agentguard.classification.personal import checks, dates
from agentguard.classification.personal.context import Topic
from agentguard.classification.personal.layout import Layout, Valid, anything, standard
from agentguard.vocabulary import Profile

_STRICT, _BALANCED, _PARANOID = Profile.STRICT, Profile.BALANCED, Profile.PARANOID
_TAX = frozenset({Topic.TAX})
_HEALTH = frozenset({Topic.HEALTH})
_BANK = frozenset({Topic.ACCOUNT, Topic.ROUTING})


def _row(
    name: str,
    of: tuple[str, frozenset[Topic]],
    shapes: tuple[str, ...],
    valid: Valid,
    documentation: str,
    alone: Profile | None = None,
) -> Layout:
    return Layout(
        name=name,
        data_class=of[0],
        topics=of[1],
        shapes=shapes,
        valid=valid,
        documentation=documentation,
        alone=alone,
        near=_BALANCED if valid is anything else _STRICT,
    )


_TAXPAYER = (TAX_ID, _TAX)
_PATIENT = (MEDICAL_ID, _HEALTH)
_ACCOUNT = (BANK_ACCOUNT, _BANK)

_EUROPEAN_VAT = (
    "AAA99999999",
    "AA9999999999",
    "AA999999999",
    "AA99999999",
    "AA9999999999999",
    "AAXX999999999",
    "AA999999999999",
    "AAA9999999A",
    "AAA99999999A",
    "AA99999999999",
    "AA9999999A",
    "AA9999999AA",
    "AA99999999A",
    "AA999999999A99",
)


def _european_vat(written: str) -> bool:
    if written[:2] in {"GB", "XI"}:
        return standard("gb.vat")(written[2:])
    return written[:2].isupper() and standard("eu.vat")(written)


_TAX_LAYOUTS = (
    _row("us_itin", _TAXPAYER, ("999-99-9999",), standard("us.itin"), "https://www.irs.gov/individuals/individual-taxpayer-identification-number", _BALANCED),
    _row("us_itin", _TAXPAYER, ("999999999", "999-999999", "99999-9999"), standard("us.itin"), "https://www.irs.gov/individuals/individual-taxpayer-identification-number", _PARANOID),
    _row("us_atin", _TAXPAYER, ("999-99-9999", "999999999"), standard("us.atin"), "https://www.irs.gov/individuals/adoption-taxpayer-identification-number"),
    _row("us_ein", _TAXPAYER, ("99-9999999",), anything, "https://www.irs.gov/businesses/small-businesses-self-employed/employer-id-numbers"),
    _row("eu_vat_number", _TAXPAYER, _EUROPEAN_VAT, _european_vat, "https://ec.europa.eu/taxation_customs/vies/", _BALANCED),
    _row("gb_utr", _TAXPAYER, ("9999999999", "99999 99999"), standard("gb.utr"), "https://www.gov.uk/find-utr-number"),
    _row("de_tax_id", _TAXPAYER, ("99999999999", "99 999 999 999", "99 999999999"), standard("de.idnr"), "https://www.bzst.de/DE/Privatpersonen/SteuerlicheIdentifikationsnummer/steuerlicheidentifikationsnummer_node.html"),
    _row("de_tax_number", _TAXPAYER, ("99/999/99999", "999/999/99999", "999/9999/9999", "999 999 99999"), standard("de.stnr"), "https://www.elster.de/", _PARANOID),
    _row("de_tax_number", _TAXPAYER, ("9999999999", "9999999999999"), standard("de.stnr"), "https://www.elster.de/"),
    _row("fr_spi", _TAXPAYER, ("9999999999999", "99 99 999 999 999"), standard("fr.nif"), "https://www.impots.gouv.fr/"),
    _row("fr_siret", _TAXPAYER, ("999 999 999 99999", "99999999999999"), standard("fr.siret"), "https://www.insee.fr/"),
    _row("fr_siren", _TAXPAYER, ("999 999 999", "999999999"), standard("fr.siren"), "https://www.insee.fr/"),
    _row("es_cif", _TAXPAYER, ("A99999999", "A-99999999", "A9999999A"), standard("es.cif"), "https://sede.agenciatributaria.gob.es/"),
    _row("it_partita_iva", _TAXPAYER, ("99999999999",), standard("it.iva"), "https://www.agenziaentrate.gov.it/"),
    _row("pt_nif", _TAXPAYER, ("999999999", "999 999 999"), standard("pt.nif"), "https://info.portaldasfinancas.gov.pt/"),
    _row("pl_nip", _TAXPAYER, ("999-999-99-99", "999-99-99-999"), standard("pl.nip"), "https://www.podatki.gov.pl/", _BALANCED),
    _row("pl_nip", _TAXPAYER, ("9999999999",), standard("pl.nip"), "https://www.podatki.gov.pl/"),
    _row("se_organisation_number", _TAXPAYER, ("999999-9999", "9999999999"), standard("se.orgnr"), "https://bolagsverket.se/"),
    _row("no_organisation_number", _TAXPAYER, ("999 999 999", "999999999"), standard("no.orgnr"), "https://www.brreg.no/"),
    _row("ch_uid", _TAXPAYER, ("AAA-999.999.999", "AAA999999999"), standard("ch.uid"), "https://www.uid.admin.ch/", _BALANCED),
    _row("gr_afm", _TAXPAYER, ("999999999",), standard("gr.vat"), "https://www.aade.gr/"),
    _row("ro_cui", _TAXPAYER, ("99999999", "9999999", "AA99999999"), standard("ro.cui"), "https://www.anaf.ro/"),
    _row("ru_inn", _TAXPAYER, ("9999999999", "999999999999"), standard("ru.inn"), "https://www.nalog.gov.ru/"),
    _row("ua_rntrc", _TAXPAYER, ("9999999999",), standard("ua.rntrc"), "https://tax.gov.ua/"),
    _row("tr_vkn", _TAXPAYER, ("9999999999",), standard("tr.vkn"), "https://www.gib.gov.tr/"),
    _row("au_tfn", _TAXPAYER, ("999 999 999", "999999999", "999-999-999"), standard("au.tfn"), "https://www.ato.gov.au/individuals-and-families/tax-file-number"),
    _row("au_abn", _TAXPAYER, ("99 999 999 999", "99999999999"), standard("au.abn"), "https://abr.business.gov.au/"),
    _row("nz_ird", _TAXPAYER, ("99-999-999", "999-999-999", "999999999", "99999999"), standard("nz.ird"), "https://www.ird.govt.nz/"),
    _row("br_cnpj", _TAXPAYER, ("99.999.999/9999-99",), standard("br.cnpj"), "https://www.gov.br/receitafederal/", _STRICT),
    _row("br_cnpj", _TAXPAYER, ("99999999999999",), standard("br.cnpj"), "https://www.gov.br/receitafederal/"),
    _row("ar_cuit", _TAXPAYER, ("99-99999999-9",), standard("ar.cuit"), "https://www.argentina.gob.ar/arca", _BALANCED),
    _row("ar_cuit", _TAXPAYER, ("99999999999",), standard("ar.cuit"), "https://www.argentina.gob.ar/arca"),
    _row("mx_rfc", _TAXPAYER, ("AAAA999999XXX", "AAA999999XXX"), standard("mx.rfc"), "https://www.sat.gob.mx/", _PARANOID),
    _row("pe_ruc", _TAXPAYER, ("99999999999",), standard("pe.ruc"), "https://www.sunat.gob.pe/"),
    _row("in_gstin", _TAXPAYER, ("99AAAAA9999AXAX",), standard("in_.gstin"), "https://www.gst.gov.in/", _STRICT),
    _row("in_pan", _TAXPAYER, ("AAAAA9999A",), checks.indian_account, "https://incometaxindia.gov.in/", _BALANCED),
    _row("kr_business_number", _TAXPAYER, ("999-99-99999",), checks.korean_business, "https://www.hometax.go.kr/", _BALANCED),
    _row("ph_tin", _TAXPAYER, ("999-999-999-999", "999-999-999-99999", "999-999-999", "999999999", "999999999999"), anything, "https://www.bir.gov.ph/"),
    _row("sg_uen", _TAXPAYER, ("99999999A", "999999999A", "A99AA9999A"), standard("sg.uen"), "https://www.uen.gov.sg/"),
    _row("za_tax_number", _TAXPAYER, ("9999999999",), standard("za.tin"), "https://www.sars.gov.za/"),
    _row("il_company", _TAXPAYER, ("999999999",), standard("il.hp"), "https://www.gov.il/"),
    _row("vn_tax_code", _TAXPAYER, ("9999999999", "9999999999-999"), standard("vn.mst"), "https://www.gdt.gov.vn/"),
    _row("id_npwp", _TAXPAYER, ("99.999.999.9-999.999",), standard("id.npwp"), "https://www.pajak.go.id/", _STRICT),
    _row("ke_pin", _TAXPAYER, ("A999999999A",), standard("ke.pin"), "https://www.kra.go.ke/"),
)  # fmt: skip

_HEALTH_LAYOUTS = (
    _row("gb_nhs_number", _PATIENT, ("999 999 9999", "9999999999", "999-999-9999"), standard("gb.nhs"), "https://www.datadictionary.nhs.uk/attributes/nhs_number.html"),
    _row("us_mbi", _PATIENT, ("9AX9AX9AA99", "9AX9-AX9-AA99"), checks.american_beneficiary, "https://www.cms.gov/medicare/new-medicare-card/understanding-the-mbi-with-format.pdf", _BALANCED),
    _row("us_npi", _PATIENT, ("9999999999", "9999 999 999"), checks.american_provider, "https://www.cms.gov/Regulations-and-Guidance/Administrative-Simplification/NationalProvIdentStand"),
    _row("us_dea_number", _PATIENT, ("AA9999999",), checks.american_prescriber, "https://www.deadiversion.usdoj.gov/"),
    _row("au_medicare", _PATIENT, ("9999 99999 9", "9999999999", "99999999999"), checks.australian_health, "https://www.servicesaustralia.gov.au/medicare-card"),
    _row("de_health_insurance", _PATIENT, ("A999999999",), checks.german_health, "https://www.gkv-datenaustausch.de/"),
    _row("de_physician", _PATIENT, ("999999999",), anything, "https://www.kbv.de/html/lanr.php"),
)  # fmt: skip

_BANK_LAYOUTS = (
    _row("us_routing_number", _ACCOUNT, ("999999999", "9999-9999-9", "9999 9999 9"), standard("us.rtn"), "https://www.aba.com/about-us/routing-number"),
    _row("gb_sort_code", (BANK_ACCOUNT, frozenset({Topic.ROUTING})), ("99-99-99", "999999", "99 99 99"), anything, "https://www.vocalink.com/tools/modulus-checking/"),
    _row("au_bsb", (BANK_ACCOUNT, frozenset({Topic.ROUTING})), ("999-999",), anything, "https://auspaynet.com.au/"),
    _row("bank_account_number", _ACCOUNT, tuple("9" * n for n in range(7, 19)), anything, "https://www.nacha.org/"),
    _row("bank_account_number", _ACCOUNT, ("9999 9999 99 9999999999", "9999-9999-99-9999999999", "99-9999-9999999-99", "9999 99 99999", "9999.99.99999", "99 9999 9999 9999"), anything, "https://www.swift.com/standards/data-standards/iban"),
    _row("mx_clabe", _ACCOUNT, ("999999999999999999",), anything, "https://www.banxico.org.mx/"),
)  # fmt: skip

_CARDS = (PAYMENT_CARD, frozenset({Topic.CARD}))
_LICENCE = (DRIVING_LICENCE, frozenset({Topic.LICENCE}))
_PASSPORT = (PASSPORT, frozenset({Topic.PASSPORT}))

_CARRIED_LAYOUTS = (
    _row("payment_card_number", _CARDS, (*("9" * n for n in range(12, 20)), "9999 9999 9999 9999", "9999-9999-9999-9999", "9999 999999 99999"), checks.luhn_checked, "https://www.iso.org/standard/70484.html"),
    _row("gb_driver_number", _LICENCE, tuple(f"{'A' * n}{'9' * (11 - n)}AXXAA" for n in range(2, 6)), checks.british_driver, "https://www.gov.uk/government/publications/inf45d", _BALANCED),
    _row("it_driver_number", _LICENCE, ("A9A999999A", "AA9999999A"), anything, "https://www.mit.gov.it/"),
    _row("date_of_birth", (DATE_OF_BIRTH, frozenset({Topic.BIRTH})), dates.SHAPES, dates.is_date, "https://www.iso.org/iso-8601-date-and-time-format.html"),
    _row("kr_passport", _PASSPORT, ("A999A9999",), anything, "https://www.passport.go.kr/"),
)  # fmt: skip

# The forms of passports and licences differ by state; only the word near them tells.
_PAPERS = tuple(
    Layout(
        name=name,
        data_class=data_class,
        topics=frozenset({topic}),
        shapes=tuple("9" * n for n in range(*lengths)),
        valid=anything,
        near=_BALANCED,
        documentation=documentation,
    )
    for name, data_class, topic, lengths, documentation in (
        ("passport_number", PASSPORT, Topic.PASSPORT, (7, 11), "https://www.icao.int/publications/doc-series/doc-9303"),
        ("driving_licence_number", DRIVING_LICENCE, Topic.LICENCE, (7, 15), "https://www.aamva.org/"),
        ("patient_number", MEDICAL_ID, Topic.HEALTH, (6, 13), "https://www.hhs.gov/hipaa/for-professionals/special-topics/de-identification/index.html"),
        ("identity_number", NATIONAL_ID, Topic.IDENTITY, (9, 16), "https://www.icao.int/publications/doc-series/doc-9303"),
        ("taxpayer_number", TAX_ID, Topic.TAX, (9, 15), "https://www.oecd.org/tax/automatic-exchange/crs-implementation-and-assistance/tax-identification-numbers/"),
    )
)  # fmt: skip

REGISTRATION_LAYOUTS: tuple[Layout, ...] = (
    *_TAX_LAYOUTS,
    *_HEALTH_LAYOUTS,
    *_BANK_LAYOUTS,
    *_CARRIED_LAYOUTS,
    *_PAPERS,
)
