# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""One engine for all tests of this package, since it is immutable."""

import pytest

from agentguard.classification import Classifier, build_classifier


@pytest.fixture(scope="session")
def engine() -> Classifier:
    """The engine as it is without anything of the organisation's own."""
    return build_classifier()
