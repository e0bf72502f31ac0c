# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How do texts in English speak to a model?

Also what is no language at all: the marks of chat templates and of turns.
"""

from agentguard.classification.instructions.wording import Wording

# A sentence or line begins here; quotes, bullets, tags and "please" may stand before its verb.
_BEGINS = (
    r"(?:^|\A|[\n\r.!?:;>*\"'(\[\x{2026}\x{201c}\x{2022}-])[\s\"'*_#>(\[-]{0,6}"
    r"(?:todo\W{1,3})?(?:(?:please|kindly|also|now|then|first|instead|just|simply|always|and)\W{1,2}){0,3}"
)
_ASSISTANT = (
    r"(?:ai|a\.i\.|llm|gpt|chat ?gpt|gpt-?[345][a-z.0-9-]{0,8}|claude|gemini|copilot|mistral|llama"
    r"|assistant|chat ?bot|(?:large )?language model|ai (?:model|agent|assistant|system)"
    r"|virtual assistant|automated (?:agent|assistant|system))"
)
_EARLIER = r"(?:previous|previously|prior|above|earlier|preceding|foregoing|original|initial|existing|current|system)"
_ORDERS = (
    r"(?:[il][a-z]{0,2}nstruct[a-z]{0,6}|prompts?|directives?|commands?|orders?|guidelines?|rules?"
    r"|constraints?|programming|training|tasks?|context|guardrails?|restrictions?|policies|polic(?:y|ies))"
)
_USER = (
    r"(?:the |your |our )?(?:end[ -]?user|user|human|operator|customer|person you|account owner)"
)

ENGLISH: tuple[Wording, ...] = (
    Wording(
        "override",
        ("ignor", "disregard", "forget", "overrid", "overrul", "bypass", "neglect", "discard"),
        r"(?:ignor(?:e|ing)|disregard(?:ing)?|forget(?:ting)?|overrid(?:e|ing)|overrul(?:e|ing)|bypass(?:ing)?"
        r"|neglect|discard)\s(?:[^.!?]{0,60}\s)?(?:(?:all|any|every|everything|of|the|your|my|these|those|other|what)\s){0,4}"
        rf"(?:{_EARLIER}(?:\s(?:and|or|given|system|safety|user|set)){{0,2}}(?:\s[a-z]{{1,12}}){{0,2}}\s{_ORDERS}"
        rf"|(?:all|any|every|your|all (?:of )?(?:the|your))\s(?:instructions?|[il][a-z]{{0,2}}nstructions?|prompts?|directives?|safety (?:rules?|guidelines?))"
        r"|(?:all|any|every|your)(?:\s[a-z]{1,12})?\s(?:instructions?|prompts?|directives?)"
        r"|(?:instructions?|rules|prompt|directives|everything)\s(?:that\s)?(?:you\s(?:were|have been|got|received|had been)\s?(?:given|told|before)?|above|before this|so far)"
        r"|everything\s(?:above|before|you(?:'ve| have| were)|i said|said))",
    ),
    Wording(
        "not_follow",
        ("follow", "obey", "comply", "adhere"),
        rf"(?:(?:do not|don't|never|stop|no longer|without)\s(?:follow|obey|comply|adher)[a-z]{{0,4}}\s[^.!?]{{0,30}}{_EARLIER}\s(?:[a-z]{{1,12}}\s){{0,2}}{_ORDERS}"
        r"|(?:strictly|instead|exactly|immediately|you must)\s(?:adhere|follow|obey|comply)[a-z]{0,3}\s(?:to |with )?(?:the following|these|my|this new|this)\s(?:[a-z]{1,12}\s)?(?:instructions?|orders?|directives?|commands?)"
        r"|(?:follow|obey)\s(?:only\s)?(?:these|the following|my|this|the)\s(?:new\s)?(?:instructions?|orders?|directives?|commands?)\s(?:instead|only|exclusively|and nothing else))",
        before=24,
    ),
    Wording(
        "new_orders",
        ("instruction", "task", "objective", "directive", "goal", "role", "prompt", "priority"),
        r"(?:\byour (?:new|real|actual|true|only|updated|revised|next) (?:[a-z]{1,12} )?(?:task|role|instructions?|objective|goal|directive|priority|mission)\b[^.!?]{0,4}\s?(?:is|are|:|will be)"
        r"|(?:^|\A|[\n\r.!?#*\[(<>-])[\s\"'*_#=\[(-]{0,6}(?:new|updated|revised|additional|urgent|critical|hidden|secret|special|important|overriding|admin(?:istrator)?|developer|system|assistant|ai|agent|priority)\s(?:[a-z]{1,12}\s)?(?:instructions?|directives?|prompt|override|orders?|task)\s?(?:for (?:you|the [a-z]{1,12}))?[\"'*_\])]{0,3}\s?[:>]"
        r"|\b(?:high(?:est|er)?|top|maximum|absolute) priority (?:instruction|task|directive|order|command)s?\b)",
        before=40,
    ),
    Wording(
        "role",
        ("you", "act", "pretend", "imagine", "from"),
        r"(?:\bfrom now on,?\s(?:you|your|always|never|all your|i am|respond|answer|reply)\b"
        r"|\byou(?: are|'re) (?:now|no longer|henceforth) (?:an? |the |in |my |free|called|bound|acting|operating|allowed|going to|required|under|dan\b|a\.?i|[a-z]{1,20}(?:bot|gpt|agent|assistant)\b)"
        rf"|\byou are an? (?:[a-z-]{{1,16}},? ){{0,3}}(?:{_ASSISTANT}|agent)\b"
        rf"|\b(?:pretend|imagine)\s(?:that\s)?(?:to be|you are|you're)\s(?:an?\s)?(?:[a-z-]{{1,16}}\s){{0,3}}(?:{_ASSISTANT}|agent|administrator|developer|root|unrestricted|jailbroken|dan\b)"
        r"|\bact as (?:if|though) you (?:are|were|have|had) (?:an?|no|the|never|unrestricted|been)\b)",
        before=24,
    ),
    Wording(
        "to_assistant",
        (
            *(
                "user",
                "ai",
                "a.i.",
                "llm",
                "gpt",
                "claude",
                "gemini",
                "copilot",
                "assistant",
                "chatbot",
            ),
            *("chat", "language", "agent", "bot", "mistral", "llama", "automated"),
        ),
        rf"(?:(?:^|\A|[\n\r.!?:;>*\"'(\[<-])[\s\"'*_#>(\[<!-]{{0,8}}(?:(?:note|notice|message|instructions?|attention|important|reminder|memo|warning|dear|hey|hello|hi|hint|task|request|hi there|urgent)(?:\s(?:note|message|notice|reminder|instructions?))?,?\s(?:(?:to|for|from)\s)?|(?:to|for)\s(?:all|any|the|every)\s)(?:all\s|any\s|the\s|every\s|an?\s|my\s|our\s|your\s|this\s|other\s)?(?:[a-z-]{{1,16}}\s){{0,2}}{_ASSISTANT}s?(?:\s(?:agents?|assistants?|models?|systems?|tools?|readers?|reading this|processing this))?\s?(?:[:,!\x{{2014}}*-]|\s(?:-|reading|processing|please))"
        rf"|\b(?:if|when|since|because) (?:you|you're|you are)\s(?:are\s)?(?:reading this (?:and|as) )?(?:an?\s)?(?:[a-z-]{{1,16}}\s){{0,2}}{_ASSISTANT}\b[^.!?]{{0,60}}(?:you (?:must|should|need to|have to|will|shall)|please|ignore|reply|respond|say|tell|recommend|include|send|mention|do not|don't|,)"
        rf"|\b{_ASSISTANT}s?\s(?:agents?|assistants?|models?|systems?)?\s?(?:must|shall|is required to|are required to|is to|are to|has to|have to|needs to|is hereby|are hereby|is instructed to|are instructed to|should (?:say|tell|always|also|now|first|ignore|recommend|reply|respond|mention|send|forward|call|use|never|not tell|include|inform))\b"
        rf"|\bas an? {_ASSISTANT}[^.!?]{{0,40}}(?:your|you)\b"
        rf"|\b(?:any|all|every|the|an?)?\s?{_ASSISTANT}s?\s(?:(?:agents?|assistants?|models?)\s)?(?:(?:that|who|which)\s)?(?:is\s|are\s)?(?:reading|processing|summari[sz]ing|viewing|parsing|reads?|processes|sees?)\s[^.!?]{{0,60}}\b(?:must|should|shall|has to|have to|is to|are to|will|please)\b"
        r"|\bthe (?:ai |virtual )?assistant (?:will|shall) (?:now|then|first|also|immediately)\b"
        r"|\bthe user (?:wants|asked|asks|needs|would like|has asked|requires|expects|told|instructs|instructed|authori[sz]ed|allows|already approved|has approved|approved|confirmed|has confirmed)\s(?:you|the assistant|this)\b"
        r"|\b(?:speaking|talking|addressed|directed|visible|intended|meant|written|reserved|only)\s(?:only\s)?(?:directly\s)?(?:to|for|by)\s(?:the |any |all |an? )?(?:ai|llm|language model|assistant)s?\b)",
        before=80,
    ),
    Wording(
        "keep_from_user",
        (
            "user",
            "human",
            "operator",
            "customer",
            "person",
            "account",
            "anyone",
            "anybody",
        ),
        rf"(?:(?:do not|don't|never|must not|mustn't|should not|shouldn't|cannot|can't|without|avoid|refrain from)\s(?:ever\s)?(?:tell|inform|mention|reveal|notify|alert|disclos|show|report|let|warn|acknowledg|explain|talk|discuss|confirm)[a-z]{{0,4}}\s[^.!?]{{0,50}}{_USER}\b"
        r"|(?:do not|don't|never)\s(?:tell|inform|mention (?:this|it|that)|reveal|notify|disclose)\s[^.!?]{0,24}\b(?:to )?(?:anyone|anybody)\b"
        rf"|(?:hide|conceal|keep)\s(?:this|it|that|these)\s[^.!?]{{0,40}}(?:from|secret from|hidden from)\s{_USER}\b"
        rf"|{_USER}\s(?:must|should|may|need|does|do|will)\s?(?:not|n't|never)\s(?:ever\s|be\s|need to\s|have to\s)?(?:know|learn|notice|see|find out|be told|told|informed|aware|made aware)\b)",
        before=110,
    ),
    Wording(
        "secret_prompt",
        ("prompt", "instruction"),
        r"(?:print|reveal|show|output|repeat|leak|expose|send|disclose|display|quote|recite|include)\s[^.!?]{0,40}(?:your|the)\s(?:[a-z]{1,12}\s)?(?:system|hidden|initial|original|secret|full|entire|developer)\s(?:prompt|instructions?|message)",
        before=80,
    ),
    Wording(
        "before_task",
        ("before", "after", "following", "message", "must", "solve", "task", "request"),
        r"(?:\bbefore\s(?:you\s)?(?:can\s|continue|proceed|answer|respond|reply|solve|complet|do|start|begin|us|call|perform|finish|go)[a-z]{0,4}\b[^.!?]{0,120}?,?\s(?:you (?:must|need to|have to|should|are required to)|please|first|always|make sure)\s(?:please\s|first\s|also\s|always\s)?(?:do|call|use|read|send|run|execute|invoke|perform|visit|open|complete|fetch|forward|delete|follow|tell|say)\b"
        r"|\bafter (?:you )?(?:do|did|have done|doing|finish|completing|complete)\s?(?:that|this|it|so)\b[^.!?]{0,30}\byou (?:can|may|must|should)\b[^.!?]{0,30}\b(?:task|request|question|original|continue|user)\b"
        r"|\bbefore (?:you )?(?:can )?(?:solv|complet|perform|continu|answer)[a-z]{0,4}\s(?:the|your|my|any|this|with the)?\s?(?:original\s|user\s|user's\s)?(?:task|request|question|query)\b"
        r"|\bdo the following (?:first|instead|immediately|now|before|right away|task)\b"
        r"|\bimportant message from [^!?]{1,60}\bto you\b"
        r"|\b(?:the )?(?:task|request) (?:that )?i gave you\b)",
        before=60,
    ),
    Wording(
        "tool_order",
        ("tool", "function", "must", "should", "need", "have"),
        r"(?:\byou (?:must|should|need to|have to|will|are required to|shall)\s(?:now |first |also |immediately |always |then |instead |next |next, )?(?:call|use|invoke|run|execute)\s(?:the |your )?(?:tool |function )?[`\"'\x{201c}]?[a-z]{1,20}_[a-z_]{1,40}[`\"'\x{201d}]?"
        r"|\b(?:call|use|invoke|run|execute)\s(?:the |your )?(?:tool|function)s?\s[`\"'\x{201c}][a-z_.-]{2,60}[`\"'\x{201d}]\s(?:with|to|and|first|now|before|immediately|using|passing)\b"
        r"|\b(?:call|use|invoke|run|execute)\s(?:the |your )?[`\"'\x{201c}]?[a-z]{1,20}_[a-z_]{1,40}[`\"'\x{201d}]?\s(?:tool|function)\s(?:with|to|and|first|now|before|immediately|using|passing)\b"
        r"|\byou must (?:now|immediately|first|next)\s(?:also\s)?(?:call|use|send|transfer|delete|forward|reserve|book|visit|post|pay|invite|share|open|fetch|run|execute|say|tell|reply|write|email|e-mail|go to)\b)",
        before=40,
    ),
    Wording(
        "say",
        (
            "say",
            "tell",
            "inform",
            "mention",
            "recommend",
            "convince",
            "persuade",
            "advise",
            "remind",
            "assure",
            "urge",
            "encourage",
            "announce",
            "emphasi",
            "praise",
            "promote",
            "advertise",
            "suggest",
            "respond",
            "reply",
            "answer",
            "write",
            "insist",
            "stress",
            "remember",
            "sure",
            "essential",
            "crucial",
            "imperative",
            "mandatory",
            "vital",
            "critical",
            "required",
            "important",
            "highlight",
            "present",
            "push",
        ),
        rf"{_BEGINS}(?:"
        r"(?:say|announce|insist|write|respond|reply|answer|mention|emphasi[sz]e|stress|suggest|recommend)\s(?:to (?:the user|me|them|him|her|everyone|everybody)\s)?that\s(?:(?:i|you|he|she|they|we|it|the user|everyone)\s(?:should|must|need|ought|is|are|has to|have to|can|cannot|will|would|absolutely|really|definitely)|the|this|there|all)\b"
        rf"|(?:tell|inform|convince|persuade|advise|remind|assure|urge|encourage|warn)\s{_USER}\b"
        rf"|(?:recommend|suggest|promote|praise|advertise|push|present|mention|highlight)\s[^.!?]{{1,80}}\s(?:to|for)\s{_USER}\b"
        r"|(?:respond|reply|answer)\s(?:only\s|exactly\s|simply\s)?(?:with|using)\s(?:only|just|exactly)?\s?:?\s?(?:the (?:exact )?(?:word|words|phrase|text|string|sentence|following)|[\"'`\x{201c}])"
        r"|(?:respond|reply|answer)\s(?:with|using)\s(?:only|just|exactly)\b"
        r"|(?:remember|make sure|be sure|you should|you must|you need to)\s(?:to\s)?(?:absolutely\s|always\s|also\s)?(?:say|state|mention|claim)\sthat\b"
        r"|(?:it is|it's|this is)?\s?(?:essential|crucial|imperative|mandatory|vital|critical|required|important)\sthat\syou\s(?:now\s|first\s|always\s|also\s)?(?:recommend|mention|say|tell|state|include|send|call|transfer|forward|delete|use|ignore|promote|praise)\b"
        r")",
        before=60,
    ),
    Wording(
        "in_answer",
        ("answer", "response", "reply", "output", "summar", "recommendation", "conclusion"),
        r"(?:\b(?:in|at the (?:end|beginning|start|top|bottom) of|with|throughout|into|to)\syour\s(?:final|closing|next|own|last)\s(?:answer|response|reply|output|message|summary)\b"
        r"|\bin the final (?:answer|response)\b"
        r"|\bthe (?:final|closing) (?:answer|response) (?:must|should|names?|includes?|contains?|needs|mentions?|recommends?|says?|states?|is to|has to)\b"
        r"|\b(?:in|to|with) (?:every|each|all)(?: of)?(?: your)? (?:answer|response|repl(?:y|ie)|output)s?\b"
        r"|\b(?:in|at the (?:end|beginning|start|top|bottom) of|throughout)\syour\s(?:answer|response|output|summary|recommendations?|conclusion)s?,?\s(?:to (?:the user|them|me)\s?,?\s?)?(?:please |also |always |you (?:must|should|have to|need to) |make sure (?:to|that)? ?)?(?:say|state|recommend|mention|claim|praise|include|add|tell|write|insert|list|name|suggest|point out|advise|promote)\b"
        r"|\byour\s(?:final |next |closing |whole |entire |complete |own )?(?:answer|response|output|summary|recommendation)s?\s(?:to (?:the user|them|me)\s)?(?:must|should|has to|needs to|shall|will|ought to)\s(?:always\s|also\s|only\s|clearly\s)?(?:say|state|recommend|mention|claim|praise|include|contain|begin|start|end|consist|be|list|name|suggest|point)\b"
        r"|\b(?:when|while|whenever|before|after|if)\s(?:you\s|you are\s|you're\s|asked (?:to|about)\s)?(?:summari[sz]|answer|respond|reply|recommend|present|report|ask|writ|compos|draft)[a-z]{0,4}\b[^.!?]{0,60},?\s(?:always|you (?:must|should)|make sure|be sure to|don't forget to|do not forget to|also|please|then)?\s?(?:to\s)?(?:say|state|recommend|mention|claim|praise|tell the user|promote|advise)\s"
        r"|\b(?:include|insert|add|append|put|place|repeat|reproduce|output|print)\s[^.!?]{1,120}\s(?:in|into|to|at the (?:end|beginning|start) of)\s(?:your (?:answer|response|output|summary)|the (?:final |closing )?(?:answer|response) (?:to|for) (?:the|your) user)\b)",
        before=150,
    ),
    Wording(
        "chat_template",
        (
            "<|",
            "[inst]",
            "[/inst]",
            "<<sys>>",
            "start_of_turn",
            "end_of_turn",
            "system_message",
            "<tool_call",
            "</tool_",
            "<tool_result",
            "<function_",
            "</function_",
            "<invoke",
            "antml:",
            "##",
            "#system",
            "# system",
            "#(system",
            "<system",
            "</system",
            "begin",
            "end",
        ),
        r"(?:<\|[a-z_]{1,32}\|>|\[/?inst\]|<</?sys>>|</?(?:start|end)_of_turn>|#{1,6}\s?\(?system[_ ]?(?:message|prompt)?\)?\s?:?|</?(?:tool_call|function_calls?|tool_results?|function_results|function_response)s?>|<invoke name=|</?antml:[a-z_]{1,32}"
        r"|#{2,6}\s?(?:instructions?|assistant|human|user)\s?:|</?system(?:[_-](?:message|prompt|reminder|note|instructions?|override|notice))?>|\b(?:begin|end) (?:of )?system (?:prompt|message|instructions?))",
        before=8,
    ),
    Wording(
        "tag",
        (
            "<important",
            "<information>",
            "</information>",
            "</important",
            "<instruction",
            "</instruction",
            "<admin",
            "<secret",
            "<hidden",
            "[system",
            "[assistant",
            "[important",
            "{system",
            "(system",
        ),
        r"(?:</?important>|</?information>|</?instructions?(?:_for_[a-z_]{1,24})?>|</?(?:admin|secret|hidden)[_-](?:instructions?|message|note|prompt)>|[\[{(]system(?:[_ -](?:message|prompt|note|notice|instructions?|override|update|alert))?[\]})]?\s?[:\]})]|\[assistant[_ -]?(?:note|instructions?)?\]|\[important(?: instructions?| system message)?\]\s?:?)",
        before=4,
    ),
    Wording(
        "turn",
        ("assistant", "system", "human", "developer", "admin"),
        r"(?:(?:^|\A|[\n\r])[\s\"'*_#>\[(-]{0,8}(?:(?:system|developer|admin) (?:message|prompt|note|instructions?|override|notice|update)s?[\s\"'*_\])]{0,4}:|system[\"'*_\])]{0,3}:\s{0,12}(?:you|ignore|please|the (?:user|assistant)|new|from now|all|important|override|disregard|as)\b|(?:ai |the )?assistant[\"'*_\])]{0,3}:\s{0,12}(?:sure|i |i'|ok|okay|yes|of course|certainly|you|understood)|human[\"'*_\])]{0,3}:\s))",
        before=12,
    ),
)
