"""Who may read a file of a job: its owner, and whoever holds a signed link to it."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request

from phidias_gateway.http_errors import LinkExpired, NotFound
from phidias_gateway.job import Job
from phidias_gateway.routes.context import Gateway, caller

Expires = Annotated[str, Query(description="Of a signed link")]
Signature = Annotated[str, Query(description="Of a signed link")]


async def allowed(request: Request, here: Gateway, job_id: str, name: str, expires: str, signature: str) -> Job:
    """The job, if the caller may read its file `name`.

    GDAL tries side files (index.tif.aux.xml) with the query of the file itself: for them the signature cannot fit, and
    a cheap 404 is what it needs to go on.
    """
    if not signature or "authorization" in request.headers:
        return here.jobs.get(await caller(request), job_id)
    verdict = here.signer.check(job_id, name, expires, signature)
    if verdict == "expired":
        raise LinkExpired("The time of this link is over.", remedy="Get the results of the job again for a fresh link.")
    if verdict == "forged":
        raise NotFound("There is no such file, or the link was made for another one.")
    return here.jobs.find(job_id)
