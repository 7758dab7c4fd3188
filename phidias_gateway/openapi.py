"""The OpenAPI 3.0 document, made from the routes that are really served.

FastAPI writes OpenAPI 3.1; OGC API - Processes has a conformance class for 3.0 only, so schemas are put in its words,
the 422 that is never answered is taken out, and HEAD and the answers common to all routes are put in.
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from phidias_gateway.description import to_openapi_30
from phidias_gateway.documents import PROBLEM, ProblemDocument

OPEN = ("/", "/conformance", "/api")
METHODS = ("get", "put", "post", "patch", "delete")
_COMMON = {"400": "The request cannot be used", "500": "The gateway failed"}
_CLOSED = {"401": "A valid token is needed", "429": "Too many failed attempts"}


def document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI 3.0.3 document of `app`."""
    made = get_openapi(
        title="PHIDIAS gateway",
        version=app.version,
        openapi_version="3.0.3",
        description="OGC API - Processes 1.0, and beside it: logs, uploads, signed result links, long polling, and a "
        "STAC API 1.0 over your results.",
        license_info={"name": "GPL-3.0-or-later", "url": "https://www.gnu.org/licenses/gpl-3.0.html"},
        tags=[{"name": name} for name in ("Capabilities", "Processes", "Jobs", "Files", "Results")],
        routes=app.routes,
    )
    schemas = made.setdefault("components", {}).setdefault("schemas", {})
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    schemas[ProblemDocument.__name__] = ProblemDocument.model_json_schema()
    made["components"]["schemas"] = {name: to_openapi_30(schema, {}) for name, schema in schemas.items()}
    made["components"]["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer", "description": "A token of this gateway"},
        "basic": {"type": "http", "scheme": "basic", "description": "User name, and a token as the password"},
    }
    for path, operations in made["paths"].items():
        for method in METHODS:
            if method in operations:
                _complete(operations[method], closed=path not in OPEN)
        if "get" in operations and "head" not in operations:
            operations["head"] = _head(operations["get"])
    return made


def _complete(operation: dict[str, Any], *, closed: bool) -> None:
    for parameter in operation.get("parameters", []):
        parameter["schema"] = to_openapi_30(parameter["schema"], {})
    responses = operation["responses"]
    responses.pop("422", None)
    for status, description in {**_COMMON, **(_CLOSED if closed else {})}.items():
        responses.setdefault(status, {"description": description})
    for status, response in responses.items():
        for media in response.get("content", {}).values():
            media["schema"] = to_openapi_30(media.get("schema", {}), {})
        if status >= "400":
            schema = {"$ref": f"#/components/schemas/{ProblemDocument.__name__}"}
            response["content"] = {PROBLEM: {"schema": schema}}
    if closed:
        operation.setdefault("security", [{"bearer": []}, {"basic": []}])


def _head(get: dict[str, Any]) -> dict[str, Any]:
    """HEAD answers as GET does, without a body."""
    responses = {
        status: {key: value for key, value in response.items() if key != "content"}
        for status, response in get["responses"].items()
    }
    return {**get, "operationId": f"{get['operationId']}_head", "responses": responses}
