"""What a query may hold, by the API's own description."""

from __future__ import annotations

from typing import Any

from fastapi import Request

from phidias_gateway.http_errors import BadParameter


async def each_once(request: Request) -> None:
    """Raises BadParameter for a parameter that comes twice and is no list: which of both is meant nobody knows."""
    if not request.query_params:
        return
    for name, schema in _declared(request).items():
        if schema.get("type") != "array" and len(request.query_params.getlist(name)) > 1:
            raise BadParameter(f"{name!r} is given more than once.", remedy="Give it once.", input=name)


async def only_known(request: Request) -> None:
    """Raises BadParameter for a parameter that the operation does not have (OGC API - Features 1.0, 7.7).

    Whoever filters by what is not supported must not take all for the answer.
    """
    declared = _declared(request)
    for name in request.query_params:
        if name not in declared:
            raise BadParameter(
                f"There is no parameter {name[:40]!r} here.",
                remedy=f"Leave it out; there are {', '.join(sorted(declared))}." if declared else "Leave it out.",
                input=name[:40],
            )


def _declared(request: Request) -> dict[str, dict[str, Any]]:
    """The schema of each parameter that a query to this operation may have, by its name."""
    operation = request.app.openapi()["paths"][request.scope["route"].path_format][request.method.lower()]
    return {entry["name"]: entry["schema"] for entry in operation.get("parameters", ()) if entry["in"] == "query"}
