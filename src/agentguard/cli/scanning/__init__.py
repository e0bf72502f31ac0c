# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does a scan of files look at, and how does it tell what it found?

    sources   which files are looked at, and which are not
    reading   which text stands in a file
    members   what belongs to names and paths of members in JSON
    places    where in a text of any size is something, by line and column
    scanner   what is found in each source, and what could not be looked at
    baseline  which findings are known already
    progress  how far a scan is
    report    the lines, the table and the JSON of a scan
    sarif     the same for tools that read SARIF

No part of it keeps or prints a value that was found.
"""
