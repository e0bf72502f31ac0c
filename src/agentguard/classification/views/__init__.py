# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does a text say to somebody, or to some program, that decodes it?

    view         a decoded copy and the way back
    windows      how much of a text stands around what was decoded
    escapes      URL, HTML, JSON and other escapes
    folding      what nobody sees, and letters that look like others
    lookalikes   which letters look like which
    runs         base64 and hexadecimal
    wrapped      encoded runs that are broken into lines or groups
    chain        the views of a text, made of one another

It finds nothing sensitive.
"""

from agentguard.classification.views.chain import Chained, Views, views_of

__all__ = ["Chained", "Views", "views_of"]
