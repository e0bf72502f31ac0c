# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How do countries write the numbers of their people?

Data only. A layout that a state prints on its cards and that carries a check is taken alone;
bare digits are taken only where a word near them speaks of an identity.
"""

from agentguard.classification.classes import NATIONAL_ID
from agentguard.classification.personal import checks
from agentguard.classification.personal.context import Topic
from agentguard.classification.personal.layout import Layout, Valid, standard
from agentguard.vocabulary import Profile

_STRICT, _BALANCED, _PARANOID = Profile.STRICT, Profile.BALANCED, Profile.PARANOID
_IDENTITY = frozenset({Topic.IDENTITY})
_PEOPLE_OR_TAX = frozenset({Topic.IDENTITY, Topic.TAX})


def _rows(
    name: str,
    valid: Valid,
    documentation: str,
    *shapes: tuple[Profile | None, tuple[str, ...]],
    topics: frozenset[Topic] = _IDENTITY,
) -> tuple[Layout, ...]:
    return tuple(
        Layout(
            name=name,
            data_class=NATIONAL_ID,
            shapes=written,
            topics=topics,
            valid=valid,
            alone=alone,
            documentation=documentation,
        )
        for alone, written in shapes
    )


_AMERICAS = (
    *_rows(
        "us_social_security_number",
        standard("us.ssn"),
        "https://www.ssa.gov/employer/randomization.html",
        (_BALANCED, ("999-99-9999",)),
        (_PARANOID, ("999 99 9999",)),
        (None, ("999999999", "999.99.9999")),
    ),
    *_rows(
        "ca_social_insurance_number",
        standard("ca.sin"),
        "https://www.canada.ca/en/employment-social-development/services/sin.html",
        (_PARANOID, ("999-999-999", "999 999 999")),
        (None, ("999999999",)),
    ),
    *_rows(
        "mx_curp",
        standard("mx.curp"),
        "https://www.gob.mx/curp/",
        (_STRICT, ("AAAA999999AAAAAAX9",)),
    ),
    *_rows(
        "br_cpf",
        standard("br.cpf"),
        "https://www.gov.br/receitafederal/pt-br/assuntos/meu-cpf",
        (_STRICT, ("999.999.999-99",)),
        (_PARANOID, ("999999999-99",)),
        (None, ("99999999999",)),
        topics=_PEOPLE_OR_TAX,
    ),
    *_rows(
        "ar_dni",
        standard("ar.dni"),
        "https://www.argentina.gob.ar/interior/renaper",
        (None, ("99.999.999", "99999999", "9.999.999", "9999999")),
    ),
    *_rows(
        "cl_rut",
        standard("cl.rut"),
        "https://www.registrocivil.cl/",
        (_BALANCED, ("99.999.999-X", "9.999.999-X")),
        (_PARANOID, ("99999999-X", "9999999-X")),
        (None, ("999999999", "99999999A")),
        topics=_PEOPLE_OR_TAX,
    ),
    *_rows(
        "co_nit",
        standard("co.nit"),
        "https://www.dian.gov.co/",
        (None, ("999.999.999-9", "999999999-9", "9999999999", "99.999.999-9")),
        topics=_PEOPLE_OR_TAX,
    ),
    *_rows(
        "ec_cedula",
        standard("ec.ci"),
        "https://www.registrocivil.gob.ec/",
        (None, ("9999999999", "999999999-9")),
    ),
    *_rows(
        "do_cedula",
        standard("do.cedula"),
        "https://jce.gob.do/",
        (_BALANCED, ("999-9999999-9",)),
        (None, ("99999999999",)),
    ),
    *_rows(
        "pe_dni",
        standard("pe.cui"),
        "https://www.gob.pe/reniec",
        (None, ("99999999-X", "999999999")),
    ),
)

_EUROPE_WEST = (
    *_rows(
        "gb_national_insurance_number",
        checks.nino,
        "https://www.gov.uk/hmrc-internal-manuals/national-insurance-manual/nim39110",
        (_BALANCED, ("AA999999A", "AA 99 99 99 A", "AA 999999 A")),
    ),
    *_rows(
        "de_pension_insurance_number",
        checks.german_pension,
        "https://www.gesetze-im-internet.de/vkvv/__2.html",
        (_STRICT, ("99999999A999", "99 999999 A 999")),
    ),
    *_rows(
        "fr_nir",
        standard("fr.nir"),
        "https://www.insee.fr/fr/metadonnees/definition/c1409",
        (
            _BALANCED,
            ("9 99 99 99 999 999 99", "999999999999999", "9 99 99 9X 999 999 99"),
        ),
    ),
    *_rows(
        "es_dni",
        standard("es.dni"),
        "https://www.interior.gob.es/opencms/es/servicios-al-ciudadano/tramites-y-gestiones/dni/calculo-del-digito-de-control-del-nif-nie/",
        (_BALANCED, ("99999999A", "99999999-A")),
        (None, ("99999999 A", "99.999.999-A", "99.999.999A")),
        topics=_PEOPLE_OR_TAX,
    ),
    *_rows(
        "es_nie",
        standard("es.nie"),
        "https://www.interior.gob.es/opencms/es/servicios-al-ciudadano/tramites-y-gestiones/dni/calculo-del-digito-de-control-del-nif-nie/",
        (_BALANCED, ("A9999999A", "A-9999999-A", "A9999999-A")),
        topics=_PEOPLE_OR_TAX,
    ),
    *_rows(
        "it_codice_fiscale",
        standard("it.codicefiscale"),
        "https://www.agenziaentrate.gov.it/portale/web/guest/schede/istanze/richiesta-ts_cf/informazioni-codificazione-pf",
        (_STRICT, ("AAAAAA99A99A999A", "AAA AAA 99A99 A999A")),
        topics=_PEOPLE_OR_TAX,
    ),
    *_rows(
        "nl_bsn",
        standard("nl.bsn"),
        "https://www.rvig.nl/bsn",
        (_PARANOID, ("9999.99.999",)),
        (None, ("999999999", "999 999 999", "99999999")),
    ),
    *_rows(
        "be_national_register_number",
        standard("be.nn", "be.bis"),
        "https://www.ibz.rrn.fgov.be/fr/registre-national/",
        (_STRICT, ("99.99.99-999.99",)),
        (_BALANCED, ("999999-999-99", "99.99.99.999.99")),
        (None, ("99999999999", "999999 99999", "999999 999 99")),
    ),
    *_rows(
        "pt_cartao_de_cidadao",
        standard("pt.cc"),
        "https://www.autenticacao.gov.pt/o-cartao-de-cidadao",
        (_BALANCED, ("99999999 9 AX9", "999999999AX9")),
    ),
    *_rows(
        "ie_pps_number",
        standard("ie.pps"),
        "https://www.gov.ie/en/department-of-social-protection/services/get-a-personal-public-service-pps-number/",
        (_PARANOID, ("9999999A", "9999999AA")),
        topics=_PEOPLE_OR_TAX,
    ),
    *_rows(
        "ch_ahv_number",
        standard("ch.ssn"),
        "https://www.zas.admin.ch/zas/en/home/partenaires-et-institutions-/unique-person-identification--upi-.html",
        (_STRICT, ("999.9999.9999.99",)),
        (None, ("9999999999999", "999 9999 9999 99")),
    ),
    *_rows(
        "at_insurance_number",
        standard("at.vnr"),
        "https://www.sozialversicherung.at/",
        (None, ("9999 999999", "9999999999", "9999-999999", "9999 99 99 99")),
    ),
)

_EUROPE_NORTH_AND_EAST = (
    *_rows(
        "se_personnummer",
        standard("se.personnummer"),
        "https://www.skatteverket.se/privat/folkbokforing/personnummer.4.3810a01c150939e893f18c29.html",
        (_BALANCED, ("999999-9999", "99999999-9999")),
        (None, ("9999999999", "999999999999")),
    ),
    *_rows(
        "no_fodselsnummer",
        standard("no.fodselsnummer"),
        "https://www.skatteetaten.no/en/person/national-registry/identitetsnummer/fodselsnummer/",
        (_BALANCED, ("999999 99999",)),
        (None, ("99999999999", "999999-99999")),
    ),
    *_rows(
        "dk_cpr_number",
        standard("dk.cpr"),
        "https://www.cpr.dk/cpr-systemet/opbygning-af-cpr-nummeret",
        (_PARANOID, ("999999-9999",)),
        (None, ("9999999999", "999999 9999")),
    ),
    *_rows(
        "fi_personal_identity_code",
        checks.finnish,
        "https://dvv.fi/en/personal-identity-code",
        (_STRICT, ("999999-999X", "999999+999X", "999999A999X")),
    ),
    *_rows(
        "is_kennitala",
        standard("is_.kennitala"),
        "https://www.skra.is/english/people/my-registration/id-numbers/",
        (_BALANCED, ("999999-9999",)),
        (None, ("9999999999",)),
    ),
    *_rows(
        "pl_pesel",
        standard("pl.pesel"),
        "https://www.gov.pl/web/gov/czym-jest-numer-pesel",
        (None, ("99999999999",)),
    ),
    *_rows(
        "cz_sk_rodne_cislo",
        standard("cz.rc"),
        "https://www.mvcr.cz/clanek/rady-a-sluzby-dokumenty-rodne-cislo.aspx",
        (_BALANCED, ("999999/9999",)),
        (None, ("999999/999", "9999999999")),
    ),
    *_rows(
        "ro_cnp",
        standard("ro.cnp"),
        "https://depabd.mai.gov.ro/",
        (None, ("9999999999999",)),
    ),
    *_rows(
        "bg_egn",
        standard("bg.egn", "bg.pnf"),
        "https://www.grao.bg/",
        (None, ("9999999999",)),
    ),
    *_rows(
        "hr_oib",
        standard("hr.oib"),
        "https://www.porezna-uprava.hr/HR_OIB/",
        (None, ("99999999999",)),
        topics=_PEOPLE_OR_TAX,
    ),
    *_rows(
        "ee_lt_personal_code",
        standard("ee.ik", "lt.asmens"),
        "https://www.siseministeerium.ee/en/activities/population-procedures/personal-identification-code",
        (None, ("99999999999",)),
    ),
    *_rows(
        "lv_personal_code",
        standard("lv.pvn"),
        "https://www.pmlp.gov.lv/en/personal-identity-number",
        (_PARANOID, ("999999-99999",)),
        (None, ("99999999999",)),
    ),
    *_rows(
        "si_rs_personal_number",
        standard("si.emso"),
        "https://www.gov.si/teme/emso/",
        (None, ("9999999999999",)),
    ),
    *_rows("gr_amka", standard("gr.amka"), "https://www.amka.gr/", (None, ("99999999999",))),
    *_rows(
        "ru_snils",
        checks.snils,
        "https://sfr.gov.ru/",
        (_BALANCED, ("999-999-999 99", "999-999-999-99")),
        (None, ("99999999999",)),
    ),
)

_ASIA_AND_AFRICA = (
    *_rows(
        "tr_kimlik_number",
        standard("tr.tckimlik"),
        "https://www.nvi.gov.tr/",
        (_PARANOID, ("99999999999",)),
    ),
    *_rows(
        "il_identity_number",
        standard("il.idnr"),
        "https://www.gov.il/en/departments/population_and_immigration_authority",
        (None, ("999999999", "99999999-9")),
    ),
    *_rows(
        "in_aadhaar",
        standard("in_.aadhaar"),
        "https://uidai.gov.in/en/my-aadhaar/about-your-aadhaar.html",
        (_BALANCED, ("9999 9999 9999",)),
        (_PARANOID, ("9999-9999-9999",)),
        (None, ("999999999999",)),
    ),
    *_rows(
        "cn_resident_identity_number",
        checks.chinese_resident,
        "https://openstd.samr.gov.cn/bzgk/gb/newGbInfo?hcno=080D6FBF2BB468F9007657F26D60013E",
        (_STRICT, ("99999999999999999X",)),
    ),
    *_rows(
        "kr_resident_registration_number",
        standard("kr.rrn"),
        "https://www.law.go.kr/LSW/eng/engMain.do",
        (_BALANCED, ("999999-9999999",)),
        (None, ("9999999999999",)),
    ),
    *_rows(
        "jp_individual_number",
        standard("jp.in_"),
        "https://www.digital.go.jp/en/policies/mynumber",
        (None, ("9999 9999 9999", "999999999999", "9999-9999-9999")),
    ),
    *_rows(
        "sg_identity_number",
        checks.singapore,
        "https://www.ica.gov.sg/",
        (_BALANCED, ("A9999999A",)),
    ),
    *_rows(
        "hk_identity_card",
        checks.hong_kong,
        "https://www.immd.gov.hk/eng/services/hkid.html",
        (_BALANCED, ("A999999(X", "AA999999(X")),
        (None, ("A999999X", "AA999999X")),
    ),
    *_rows(
        "tw_identity_card",
        checks.taiwan,
        "https://www.ris.gov.tw/",
        (_PARANOID, ("A999999999",)),
    ),
    *_rows(
        "th_identity_number",
        standard("th.pin"),
        "https://www.bora.dopa.go.th/",
        (_STRICT, ("9-9999-99999-99-9",)),
        (_BALANCED, ("9 9999 99999 99 9",)),
        (None, ("9999999999999",)),
    ),
    *_rows(
        "my_identity_card",
        checks.malaysian,
        "https://www.jpn.gov.my/en/core-business/identity-card",
        (_BALANCED, ("999999-99-9999",)),
        (None, ("999999999999",)),
    ),
    *_rows(
        "id_nik",
        standard("id.nik"),
        "https://dukcapil.kemendagri.go.id/",
        (None, ("9999999999999999",)),
    ),
    *_rows(
        "pk_cnic",
        standard("pk.cnic"),
        "https://www.nadra.gov.pk/",
        (_BALANCED, ("99999-9999999-9",)),
        (None, ("9999999999999",)),
    ),
    *_rows(
        "za_identity_number",
        standard("za.idnr"),
        "https://www.dha.gov.za/",
        (_PARANOID, ("9999999999999",)),
    ),
)

IDENTITY_LAYOUTS: tuple[Layout, ...] = (
    *_AMERICAS,
    *_EUROPE_WEST,
    *_EUROPE_NORTH_AND_EAST,
    *_ASIA_AND_AFRICA,
)
