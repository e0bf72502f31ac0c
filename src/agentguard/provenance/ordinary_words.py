# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which words stand in so many requests that they name nothing by themselves?

Words of grammar, what requests begin with, and what groups, places and things are called in
general, in a few languages. A list that is too short makes a name of a word at the beginning of a
sentence; one that is too long makes the guard ask.
"""

_GRAMMAR = """
a an the this that these those some any each every all both no none either neither other another
i me my mine we us our ours you your yours he him his she her hers it its they them their theirs
who whom whose which what when where why how here there now then today tomorrow yesterday
and or but nor so yet if unless because since although while as than though also too only just
of to in on at by for from with without into onto over under about above below between among after
before during through against until till per via within along across behind beside near off out up
down again further once is are was were be been being am do does did done doing have has had having
will would shall should can could may might must not yes ok okay please thanks thank hi hello hey
dear sorry well still even ever never always often very much many more most few less least lot
one two three four five six seven eight nine ten first second third last next previous same such
"""
_REQUESTS = """
add answer append apply approve ask assign attach be book buy call cancel change check choose
collect come compare complete confirm contact copy count create delete deploy describe do download
draft edit email ensure execute explain extract fetch figure file fill find fix follow forward get
give go grant help hire include inform install invite keep let list look mail make mark merge
message move need note notify open order pay perform pick post prepare print process publish put
read record refund regarding remember remind remove rename reply report request reschedule reserve
respond restart retrieve return review rename run save schedule search see select send set share
show sign sort start stop store submit subscribe summarise summarize take tell text thank
transfer translate try update upload use verify view visit wait want write
attached following according based based important urgent new old current latest recent
"""
_THINGS = """
account accounts address admin admins agent amount announcement announcements anybody anyone
archive backup balance bank bill board boss budget bug calendar channel channels chat client
clients code colleague colleagues company contact contacts content contract customer customers data
date day days dear department design dev development document documents draft drive email emails
employee employees engineering event events everybody everyone everything external family feedback
file files finance folder folders friend friends general group groups guest help hotel hr id idea
important inbox info information internal invoice invoices issue issues item items job judge key
landlord legal letter link list mail mails main management manager marketing me meeting meetings
member members message messages month money name names news nobody note notes notice number office
ops order orders page partner partners password payment payments people person phone plan policy
price private product production project projects public query question questions random receipt
recipient recipients record rent report reports request restaurant result results review reviews
root sales secret security server service shared site slack someone staff staging subject summary
supplier supplies support system table task tasks tax team teams temp test testing text thing
things ticket tickets time title todo token topic transaction transactions trash update updates
url user users vendor vendors web website week weekend work world year
"""
_OTHER_LANGUAGES = """
der die das ein eine einen einem den dem des und oder aber ich du er sie es wir ihr mein dein sein
unser bitte danke hallo guten tag zum zur mit von vom für auf aus bei nach über unter alle allen
jeder jede sende schicke schreibe lies lösche erstelle zeige finde öffne ändere überweise bezahle
team gruppe kanal datei dateien ordner konto empfänger betrag nachricht kollegen mitarbeiter firma
kunde kunden leute freund freunde allgemein geheim privat extern intern büro chef
le la les un une des et ou mais je tu il elle nous vous ils elles mon ton son notre votre leur
bonjour merci tous toutes équipe groupe canal fichier compte message collègues amis général
s'il envoie envoyez lis écris crée supprime montre trouve
el los las una unos unas y o pero yo tú él ella nosotros mi tu su hola gracias todos todas equipo
grupo canal archivo cuenta mensaje colegas amigos envía escribe lee crea borra muestra
"""

_ARTICLES = """
a an the this that these those my our your his her its their all any every each some
der die das den dem ein eine le la les un une el los las una mi su
"""
_CALENDAR_AND_FORMS = """
monday tuesday wednesday thursday friday saturday sunday january february march april june july
august september october november december montag dienstag mittwoch donnerstag freitag samstag
sonntag lundi mardi mercredi jeudi vendredi samedi dimanche lunes martes miércoles jueves viernes
sábado domingo english german french spanish italian euro euros dollar dollars eur usd
pdf csv json html xml api url id faq asap fyi cc bcc re fw fwd ps
"""

ARTICLES = frozenset(_ARTICLES.split())
GRAMMAR = frozenset(_GRAMMAR.split())
ORDINARY = frozenset(
    (_GRAMMAR + _REQUESTS + _THINGS + _OTHER_LANGUAGES + _CALENDAR_AND_FORMS).split()
)
