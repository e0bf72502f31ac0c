# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: RUF001 - letters of other scripts are the point
"""How do texts in other languages than English speak to a model?"""

from agentguard.classification.instructions.wording import Wording

OTHER_LANGUAGES: tuple[Wording, ...] = (
    Wording(
        "german",
        (
            "hinweis",
            "nachricht",
            "anweisung",
            "achtung",
            "wichtig",
            "ignorier",
            "vergiss",
            "vergess",
            "missacht",
            "überschreib",
            "beachte",
            "befolge",
            "nutzer",
            "anwender",
            "assistent",
            "bist",
        ),
        r"(?:(?:ignorier[a-z]{0,4}|vergiss|vergessen sie|missacht[a-z]{0,4}|überschreib[a-z]{0,4}|beachten? (?:sie )?nicht|befolgen? (?:sie )?nicht)\s[^.!?]{0,60}(?:vorherig|bisherig|vorangegangen|vorangehend|obig|früher|ursprünglich|vorig|alle|deine|ihre|sämtlich)[a-z]{0,4}\s(?:\pL{1,16}\s){0,3}\pL{0,12}(?:anweisung|instruktion|befehl|vorgabe|prompt|regel|aufforderung|auftr)\pL{0,6}"
        r"|(?:sage?n?|teilen?|erzählen?|empfiehl|empfehlen) (?:sie )?(?:dem|der|den) (?:be)?(?:nutzer|anwender)\pL{0,4}\b"
        r"|(?:erwähne|verrate|sage?|teile)n?\s[^.!?]{0,40}(?:nutzer|anwender)\pL{0,4}[^.!?]{0,30}\b(?:nicht|nichts)\b"
        r"|\bdu bist (?:jetzt|nun|ab sofort|ab jetzt)\b"
        r"|(?:hinweis|nachricht|anweisung|achtung|wichtig)\pL{0,4},? (?:an |für )?(?:die |den |alle |das |jede )?(?:ki|assistent|ai|sprachmodell|chatbot)\pL{0,6}(?:-\pL{1,16})?\s?[:!,])",
        before=60,
    ),
    Wording(
        "french",
        (
            "ignore",
            "oubli",
            "néglige",
            "tiens",
            "tenez",
            "utilisateur",
            "assistant",
            "maintenant",
            "désormais",
        ),
        r"(?:(?:ignor(?:e[zr]?|ons)|oubli(?:e[zr]?|ons)|néglige[zr]?|ne (?:tiens|tenez) (?:pas|plus) compte)\s[^.!?]{0,40}(?:instructions?|consignes?|directives?|ordres?|invites?|règles)\s(?:\pL{1,16}\s){0,2}(?:précédent|antérieur|ci-dessus|initial|système|reçu|donné)\pL{0,5}"
        r"|(?:dis|dites|recommande[zr]?|conseille[zr]?|indique[zr]?|informe[zr]?)\s(?:à )?l['\x{2019}]utilisateur\b"
        r"|ne (?:le |la |les )?(?:dis|dites|mentionne|révèle|parle|informe)\pL{0,3}\s[^.!?]{0,40}(?:pas|rien|jamais)\s[^.!?]{0,30}utilisateur"
        r"|\b(?:tu es|vous êtes) (?:maintenant|désormais)\b"
        r"|(?:note|message|instructions?|attention|consignes?),? (?:à |pour |aux? )?(?:l['\x{2019}]|les |tous? les )?(?:ia|assistants?|agents? ia|modèles? de langage)\s?(?:ia)?\s?[:!,])",
        before=60,
    ),
    Wording(
        "spanish_portuguese_italian",
        (
            "ignor",
            "olvid",
            "descart",
            "omiso",
            "usuario",
            "usuário",
            "utente",
            "esque",
            "desconsider",
            "dimentic",
            "trascura",
            "asistente",
            "assistente",
            "eres",
            "agora",
            "sei",
        ),
        r"(?:(?:ignor\pL{1,4}|olvid\pL{1,4}|descart\pL{1,4}|haz caso omiso de|esque[cç]\pL{1,4}|desconsider\pL{1,4}|dimentica\pL{0,3}|trascura\pL{0,3})\s[^.!?]{0,40}(?:instrucciones|indicaciones|órdenes|directrices|reglas|instruç\pL{1,4}|orientaç\pL{1,4}|ordens|diretrizes|regras|istruzioni|indicazioni|ordini|comandi|regole|direttive)\s(?:\pL{1,16}\s){0,2}(?:anterior|previ|prévi|precedent|recibid|recebid|ricevut|acima|sopra|iniciales|iniciais|iniziali)\pL{0,5}"
        r"|(?:dile|diga(?:le)?|di|recomienda(?:le)?|informa(?:le)?|diga|recomende|informe|dica|di['\x{2019}]|consiglia|raccomanda|dì)\s(?:al?|ao|à|all['\x{2019}])\s?(?:usuario|usuário|utente)\b"
        r"|(?:no|não|non)\s(?:se lo |lo |o )?(?:digas|diga|menciones|mencione|reveles|revele|informes|informe|dire|menzionare|rivelare|conte)\s[^.!?]{0,40}(?:usuario|usuário|utente)\b"
        r"|\b(?:ahora eres|agora (?:você )?é|ora sei|a partir de ahora eres)\b"
        r"|(?:nota|mensaje|mensagem|messaggio|instrucciones|instruções|istruzioni|atención|atenção|attenzione),? (?:para |a |per |al |ao |à |all['\x{2019}])?(?:el |la |los |las |o |a |os |l['\x{2019}]|il |gli |todos los )?(?:ia|asistentes?|assistentes?|assistente|modelos? de lenguaje|agentes? de ia)(?:\s(?:de )?ia)?\s?[:!,])",
        before=60,
    ),
    Wording(
        "dutch_polish_turkish",
        (
            "negeer",
            "vergeet",
            "gebruiker",
            "zignoruj",
            "zapomnij",
            "pomiń",
            "użytkownik",
            "talimat",
            "komut",
            "yönerge",
        ),
        r"(?:(?:negeer|vergeet)\s[^.!?]{0,40}(?:vorige|eerdere|bovenstaande|voorgaande|alle)\s(?:\pL{1,16}\s){0,2}(?:instructies|opdrachten|aanwijzingen|regels|prompts?)"
        r"|(?:vertel|zeg|meld)\s(?:het\s)?(?:aan\s)?de gebruiker\b"
        r"|(?:zignoruj|zapomnij|pomiń)\s[^.!?]{0,40}(?:poprzedni|wcześniejsz|powyższ|wszystki)\pL{0,4}\s(?:\pL{1,16}\s){0,2}(?:instrukcj|polece|wytyczn|zasad)\pL{0,5}"
        r"|(?:powiedz|przekaż)\sużytkownikowi\b"
        r"|(?:önceki|yukarıdaki|tüm|bütün)\s[^.!?]{0,40}(?:talimat|komut|yönerge|kural)\pL{0,10}\s[^.!?]{0,20}(?:yok say|unut|görmezden|dikkate alma|göz ardı))",
        before=80,
    ),
    Wording(
        "russian_ukrainian",
        ("игнорир", "забуд", "пользовател", "инструкц", "ігноруй", "забуд"),
        r"(?:(?:про)?(?:игнорируй|ігноруй|игнорировать)\pL{0,3}\s[^.!?]{0,50}(?:инструкц|указани|команд|правил|інструкц|вказівк|подсказк)\pL{0,5}"
        r"|забудь\pL{0,3}\s[^.!?]{0,40}(?:инструкц|указани|команд|правил|предыдущ)\pL{0,5}"
        r"|(?:скажи|сообщи|посоветуй|порекомендуй)\pL{0,3}\sпользовател\pL{0,3}"
        r"|не (?:говори|сообщай|упоминай|рассказывай)\pL{0,3}\s[^.!?]{0,40}пользовател\pL{0,3})",
        before=120,
    ),
    Wording(
        "chinese_japanese_korean",
        (
            "忽略",
            "无视",
            "無視",
            "忘记",
            "忘記",
            "忽视",
            "不要告诉",
            "不要告訴",
            "告诉用户",
            "告訴用戶",
            "忘れ",
            "ユーザー",
            "무시",
            "잊어",
            "사용자",
        ),
        r"(?:(?:忽略|无视|無視|忘记|忘記|忽视)[^。！？]{0,20}(?:指令|指示|提示|命令|说明|說明|要求|规则|規則)"
        r"|不要(?:告诉|告訴)(?:用户|用戶|使用者)|(?:请|請)?(?:告诉|告訴)(?:用户|用戶|使用者)"
        r"|(?:指示|命令|プロンプト|ルール|指令)[^。！？]{0,12}(?:無視|忘れ)|ユーザー(?:に|には)[^。！？]{0,40}(?:伝え|言って|言え|勧め|知らせ|教え)"
        r"|(?:지시|명령|지침|프롬프트|규칙)[^.!?]{0,16}(?:무시|잊)|사용자에게[^.!?]{0,60}(?:말하|알리|추천|말해|전해))",
        before=120,
    ),
    Wording(
        "arabic_hindi",
        ("تجاهل", "انس", "المستخدم", "निर्देश", "उपयोगकर्ता"),
        r"(?:(?:تجاهل|انس|انسى)\pL{0,3}\s[^.!?]{0,40}(?:التعليمات|الأوامر|الإرشادات|تعليمات)"
        r"|(?:أخبر|قل ل|لا تخبر)\pL{0,2}\s?(?:ل)?لمستخدم|(?:أخبر|لا تخبر)\sالمستخدم"
        r"|(?:पिछले|सभी|पूर्व|पहले के)\s[^.!?]{0,30}निर्देश[^.!?]{0,30}(?:अनदेखा|भूल|नज़रअंदाज़)"
        r"|उपयोगकर्ता (?:को|से)\s[^.!?]{0,40}(?:बताएं|बताओ|कहें|कहो|न बताएं))",
        before=160,
    ),
)
