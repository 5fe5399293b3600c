"""The application: routes behind a gate, and the life of what they use."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from polytask.serve import model_routes, page_routes, result_routes, table_routes
from polytask.serve.failures import Refused
from polytask.serve.gate import Gate
from polytask.serve.service import Service
from polytask.serve.settings import ServeSettings
from polytask.version import __version__

__all__ = ["create_app"]

_REMEDIES = {404: "GET /docs lists the routes.", 405: "GET /docs lists the routes and their methods."}


def create_app(settings: ServeSettings) -> FastAPI:
    """Return the application of a service, for any server of ASGI.

    Args:
        settings: What is served, and how much a client may ask.

    Raises:
        InputError: A folder cannot be used, or the token is missing.
        BundleError: A model cannot be loaded.
    """
    service = Service(settings)

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        yield
        service.close()

    app = FastAPI(
        title="polytask",
        version=__version__,
        description="Predict with saved models, and make new ones of a few labelled examples.",
        docs_url=None,
        redoc_url=None,
        lifespan=life,
    )
    app.state.service = service
    app.add_middleware(Gate, service=lambda: service)
    app.add_exception_handler(HTTPException, _refused)
    for routes in (model_routes, result_routes, table_routes, page_routes):
        app.include_router(routes.router)
    return app


async def _refused(_: Request, error: Exception) -> Response:
    """Hand the framework's own refusals on to the gate, which writes all of them in one form."""
    if not isinstance(error, HTTPException):
        raise error
    remedy = _REMEDIES.get(error.status_code, "GET /docs shows how to ask.")
    raise Refused(error.status_code, f"{error.detail}.", remedy=remedy)
