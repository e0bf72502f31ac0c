# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What in this text is sensitive?

    classes          the built-in classes, own classes, what a detector is
    engine           many patterns at once: keyword gate, windows, matches
    formats          documented formats of credentials
    personal         structured personal data
    known_values     exact values and their encoded forms
    composed         secret values inside a known value
    views            what a text says once it is decoded
    broken_tokens    tokens that were taken apart or turned round
    looking          detectors over a text and its views
    recognised       texts that were looked at before
    answer_patterns  invisible characters, which only answers are searched for
    remote_images    images in an answer that call another host
    instructions     sentences that speak to a model
    data_links       links that carry something away
    said             what only texts of tools are searched for
    passages         what belongs to a sentence that speaks to a model
    echoes           what an answer says because a passage asked for it
    classifier       all of it together

It only points; ``redaction`` hides and ``policy`` decides.
"""

from agentguard.classification.answer_patterns import answer_findings, with_answer_findings
from agentguard.classification.classes import BUILT_IN_CLASSES, NAMED_ONLY, SAID, Detector, OwnClass
from agentguard.classification.classifier import Classifier, build_classifier
from agentguard.classification.composed import with_parts
from agentguard.classification.echoes import Echoes, Passage, Words
from agentguard.classification.known_values import KnownValues
from agentguard.classification.passages import passage_spans

__all__ = [
    "BUILT_IN_CLASSES",
    "NAMED_ONLY",
    "SAID",
    "Classifier",
    "Detector",
    "Echoes",
    "KnownValues",
    "OwnClass",
    "Passage",
    "Words",
    "answer_findings",
    "build_classifier",
    "passage_spans",
    "with_answer_findings",
    "with_parts",
]
