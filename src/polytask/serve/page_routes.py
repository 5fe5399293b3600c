"""Routes of the service itself: its page, its health, its counters, and what it documents."""

from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter, Request
from starlette.responses import FileResponse, JSONResponse, Response

from polytask.serve.docs_page import docs_html
from polytask.serve.examples import responds
from polytask.serve.failures import Refused
from polytask.serve.service import Service
from polytask.version import __version__

__all__ = ["router"]

router = APIRouter(tags=["service"])

_PAGE = Path(str(files("polytask.serve") / "page"))
_TYPES = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".txt": "text/plain",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
}
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data: blob:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; object-src 'none'",
    "Cache-Control": "no-cache",
}


@router.get("/", include_in_schema=False)
async def page() -> Response:
    """Show the page."""
    return _file("index.html")


@router.get("/page/{name}", include_in_schema=False)
async def page_file(name: str) -> Response:
    """Give a file of the page."""
    return _file(name)


@router.get("/health", summary="Tell whether the service works", responses=responds("health"))
async def health(request: Request) -> Response:
    """Answer as long as the worker serves; no token is needed."""
    service: Service = request.app.state.service
    names = await service.work.run(service.shelf.names)
    return JSONResponse({"status": "ok", "version": __version__, "models": len(names)})


@router.get("/metrics", summary="Counters for Prometheus", response_class=Response)
async def metrics(request: Request) -> Response:
    """Requests, seconds, refusals, predictions, changes and models, in the text form of Prometheus."""
    service: Service = request.app.state.service
    service.metrics.models.set(len(service.shelf.names()))
    return Response(service.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


@router.get("/docs", include_in_schema=False)
async def docs(request: Request) -> Response:
    """Show the routes with their examples."""
    style = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"
    html = docs_html(request.app.openapi())
    return Response(html, media_type="text/html", headers={"Content-Security-Policy": style})


def _file(name: str) -> Response:
    """Give one of the files in the folder of the page; a name is looked up, never joined to a path."""
    found = (
        {entry.name: entry for entry in _PAGE.iterdir() if entry.suffix in _TYPES} if _PAGE.is_dir() else {}
    )
    if name not in found:
        raise Refused(404, f"The page has no file {name[:80]!r}.", remedy="Open the address of the service.")
    kind = _TYPES[found[name].suffix]
    return FileResponse(found[name], media_type=kind, headers=_HEADERS)
