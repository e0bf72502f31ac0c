# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does an API say what is wrong with a request?

Demands that the checks of all requests make of one value.

INVARIANT: no message holds a value of the request, only names of fields and positions
(tests/testing/test_chat_request.py).
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn


class RequestInvalid(ValueError):
    """The provider does not take the request.

    Attributes:
        param: the field that is wrong, as the API would name it, or None.
        code: the API's short name for what is wrong, or None.
    """

    def __init__(self, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.param = param
        self.code = code


def refuse(param: str, problem: str, *, code: str = "invalid_value") -> NoReturn:
    """Refuse the request because of one field."""
    raise RequestInvalid(f"{param!r} {problem}", param=param, code=code)


def demand_body(body: bytes, fields: Iterable[str], required: Iterable[str]) -> dict[str, Any]:
    """Return the object that a body holds, its fields known and none missing.

    Raises:
        RequestInvalid: the API would answer 400.
    """
    try:
        request = json.loads(body)
    except ValueError:
        request = None  # the parser's error would quote the body
    if not isinstance(request, dict):
        raise RequestInvalid("the body is not a JSON object")
    unknown = sorted(request.keys() - set(fields))
    if unknown:
        raise RequestInvalid(
            f"unrecognized request argument supplied: {', '.join(unknown)}",
            code="unknown_parameter",
        )
    for name in required:
        if name not in request:
            refuse(name, "is required", code="missing_required_parameter")
    if not isinstance(request.get("model", "m"), str) or request.get("model") == "":
        refuse("model", "must be a string", code="invalid_type")
    return request


def demand_object(value: object, param: str) -> Mapping[str, Any]:
    """Return *value* if it is an object."""
    if not isinstance(value, dict):
        refuse(param, "must be an object", code="invalid_type")
    return value


def demand_list(value: object, param: str) -> list[Any]:
    """Return *value* if it is a list that is not empty."""
    if not isinstance(value, list):
        refuse(param, "must be an array", code="invalid_type")
    if not value:
        refuse(param, "must not be empty", code="empty_array")
    return value


def demand_text(value: object, param: str) -> str:
    """Return *value* if it is a string."""
    if not isinstance(value, str):
        refuse(param, "must be a string", code="invalid_type")
    return value


def demand_one_of(value: object, allowed: frozenset[str], param: str) -> str:
    """Return *value* if it is one of the words."""
    if not isinstance(value, str) or value not in allowed:
        refuse(param, f"must be one of {sorted(allowed)}")
    return value
