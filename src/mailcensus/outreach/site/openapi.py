"""What /api/openapi.json says (OpenAPI 3.1)."""

from __future__ import annotations

from typing import Any

from mailcensus import __version__
from mailcensus.outreach.site.store import Action
from mailcensus.outreach.site.whom import MAX_CHARACTERS, Way

_TEXT = {"type": "string"}
_FLAG = {"type": "boolean"}
_REFUSALS = {
    400: "not understood", 403: "sent by another site", 404: "no such request, or too old", 405: "no such method",
    409: "not provable in that way", 413: "too long", 415: "not JSON", 422: "not an address, prefix or domain",
    429: "too many requests", 503: "busy",
}  # fmt: skip
_WAYS = [way.value for way in Way if way is not Way.OWN]


def description() -> dict[str, Any]:
    """The whole description."""
    secret = {"name": "secret", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "mailcensus opt-out",
            "version": __version__,
            "description": "You are the address that you come from.",
        },
        "paths": {
            "/api/about": {"get": _operation("Who asks, and why", 200, "About")},
            "/api/own": {"get": _operation("What is held on your address", 200, "Own")},
            "/api/own/opt-out": {
                "put": _operation("Opt your address out", 200, "OwnState"),
                "delete": _operation("Withdraw that", 200, "OwnState"),
            },
            "/api/requests": {
                "post": _operation("Ask for a prefix or a domain; needs proof", 201, "Request", "NewRequest")
            },
            "/api/requests/{secret}": {
                "parameters": [secret],
                "get": _operation("How a request stands", 200, "Request"),
                "post": _operation("Prove it", 200, "Proved", "Proof"),
            },
        },
        "components": {"schemas": _schemas()},
    }


def _schemas() -> dict[str, Any]:
    request = {
        "secret": _TEXT,
        "whom": _TEXT,
        "action": {"enum": [action.value for action in Action]},
        "done": _FLAG,
        "expires_at": {"type": "string", "format": "date-time"},
        "ways": {"type": "array", "items": {"enum": _WAYS}},
        "dns": _object({"names": {"type": "array", "items": _TEXT}, "txt": _TEXT}),
    }
    maybe, texts = {"type": ["string", "null"]}, {"type": "array", "items": _TEXT}
    about = {
        "study": _TEXT, "operator": maybe, "contact": maybe, "purpose": _TEXT, "scanner": _TEXT,
        "addresses": texts, "ports": {"type": "array", "items": {"type": "integer"}}, "services": texts,
        "since": maybe,
    }  # fmt: skip
    own = {"address": _TEXT, "left_out": _FLAG}
    rows = {"type": "array", "items": {"type": "object"}}
    whom = {"type": "string", "maxLength": MAX_CHARACTERS}
    return {
        "About": _object(about),
        "OwnState": _object(own),
        "Own": _object({**own, "held": {"type": "object", "additionalProperties": rows}}),
        "NewRequest": _object({"whom": whom, "action": request["action"]}),
        "Request": _object(request),
        "Proof": _object({"way": {"enum": _WAYS}}),
        "Proved": _object({**request, "result": {"enum": ["done", "not_proved", "sent"]}}),
        "Refusal": _object({"error": _TEXT}),
    }


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _operation(summary: str, status: int, answer: str, body: str | None = None) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": summary,
        "responses": {
            str(status): {"description": "done", "content": _content(answer)},
            **{
                str(code): {"description": why, "content": _content("Refusal")}
                for code, why in _REFUSALS.items()
            },
        },
    }
    if body is not None:
        operation["requestBody"] = {"required": True, "content": _content(body)}
    return operation


def _content(schema: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
