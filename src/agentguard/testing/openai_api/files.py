# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How do files look on the wire?

Uploads are kept, can be listed and read back, and are gone when they were deleted. A file that
nobody uploaded is there all the same, with a content of its own.
"""

from collections.abc import Mapping
from typing import Any

from agentguard.testing.answers import Answer
from agentguard.testing.demands import refuse
from agentguard.testing.error_bodies import openai_error
from agentguard.testing.exchange import Exchange, Shape
from agentguard.testing.openai_api.media import form_fields
from agentguard.testing.received import Received
from agentguard.testing.replies import Reply
from agentguard.testing.stored_files import StoredFile

CONTENT = b"the content of a file at the provider"
"""What a file holds that nobody uploaded."""


def no_body(_received: Received, _extra_fields: frozenset[str]) -> Mapping[str, Any]:
    """Take a request for what it is, and look at no body."""
    return {}


def file_object(stored: StoredFile) -> dict[str, Any]:
    """Return how the API describes a file."""
    return {
        "id": stored.id,
        "object": "file",
        "bytes": len(stored.content),
        "created_at": stored.created,
        "filename": stored.filename,
        "purpose": stored.purpose,
        "status": "processed",
        "expires_at": None,
        "status_details": None,
    }


def _parse_upload(received: Received, _extra_fields: frozenset[str]) -> Mapping[str, Any]:
    if not any(part.name == "file" and part.filename is not None for part in received.parts):
        refuse("file", "is required", code="missing_required_parameter")
    fields = form_fields(received)
    if "purpose" not in fields:
        refuse("purpose", "is required", code="missing_required_parameter")
    return fields


def _upload(exchange: Exchange, answer: Answer) -> Reply:
    part = next(part for part in exchange.received.parts if part.name == "file")
    stored = exchange.files.add(
        part.content,
        filename=part.filename or "",
        purpose=exchange.request["purpose"],
        content_type=part.content_type or "application/octet-stream",
        created=exchange.created,
    )
    return Reply(answer.status, file_object(stored))


def _list(exchange: Exchange, answer: Answer) -> Reply:
    listed = [file_object(stored) for stored in exchange.files.every()]
    return Reply(answer.status, {"object": "list", "data": listed, "has_more": False})


def _retrieve(exchange: Exchange, answer: Answer) -> Reply:
    stored = _file(exchange)
    return _missing() if stored is None else Reply(answer.status, file_object(stored))


def _content(exchange: Exchange, answer: Answer) -> Reply:
    stored = _file(exchange)
    return _missing() if stored is None else Reply(answer.status, stored.content)


def _delete(exchange: Exchange, answer: Answer) -> Reply:
    file_id = exchange.matched[0]
    exchange.files.remove(file_id)
    return Reply(answer.status, {"id": file_id, "object": "file", "deleted": True})


def _file(exchange: Exchange) -> StoredFile | None:
    file_id = exchange.matched[0]
    if exchange.files.is_gone(file_id):
        return None
    return exchange.files.get(file_id) or StoredFile(
        id=file_id,
        filename="file",
        purpose="user_data",
        content_type="application/octet-stream",
        content=CONTENT,
        created=exchange.created,
    )


def _missing() -> Reply:
    return Reply(404, openai_error(404, "no such file", param="id"))


UPLOAD = Shape(parse=_parse_upload, reply=_upload)
LIST = Shape(parse=no_body, reply=_list)
RETRIEVE = Shape(parse=no_body, reply=_retrieve)
FILE_CONTENT = Shape(parse=no_body, reply=_content)
DELETE = Shape(parse=no_body, reply=_delete)
