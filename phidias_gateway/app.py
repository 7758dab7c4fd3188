"""The gateway as one ASGI application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import Depends, FastAPI
from starlette.types import ASGIApp

from phidias_gateway import __version__, problems
from phidias_gateway.access import Access, Tokens
from phidias_gateway.catalogue import Catalogue
from phidias_gateway.jobs import Jobs
from phidias_gateway.links import Signer
from phidias_gateway.middleware import Outermost
from phidias_gateway.openapi import document
from phidias_gateway.partial_uploads import PartialUploads
from phidias_gateway.routes import archives, execution, jobs, landing, preview, processes, results, stac, uploads
from phidias_gateway.routes.context import Gateway
from phidias_gateway.routes.parameters import each_once
from phidias_gateway.schedulers import make_scheduler
from phidias_gateway.settings import Settings
from phidias_gateway.store import Store


def create_app(settings: Settings, stopping: asyncio.Event) -> ASGIApp:
    """The application for these settings. Its lifespan opens the store and watches the jobs.

    Set `stopping` before the server waits for its last requests: then nobody waits for a job any more.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        prepare(settings)
        store, tokens = Store(settings.store.database), Tokens(settings.store.tokens)
        watched = Jobs(settings, store, make_scheduler(settings))
        await watched.start()
        catalogue = Catalogue(settings, store)
        await catalogue.start()
        signer = Signer(settings.store.link_keys, lifetime=settings.access.link_seconds)
        partial = PartialUploads(settings.store.uploads)
        app.state.gateway = Gateway(settings, store, watched, catalogue, Access(tokens), signer, partial)
        releasing = asyncio.create_task(_release(watched, stopping), name="answer who waits when stopping")
        try:
            yield
        finally:
            releasing.cancel()
            await catalogue.stop()
            await watched.stop()
            store.close()
            tokens.close()

    app = FastAPI(
        version=__version__,
        lifespan=lifespan,
        dependencies=[Depends(each_once)],
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    problems.install(app)
    for module in (landing, processes, execution, jobs, preview, results, uploads, archives, stac):
        app.include_router(module.router)
    described = document(app)

    def openapi() -> dict[str, Any]:
        return described

    app.openapi = openapi  # type: ignore[method-assign]
    return Outermost(app, stopping)


async def _release(jobs: Jobs, stopping: asyncio.Event) -> None:
    await stopping.wait()
    jobs.release()


def prepare(settings: Settings) -> None:
    """Make the folders of the store, closed to other users."""
    settings.store.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    settings.store.uploads.mkdir(exist_ok=True)
