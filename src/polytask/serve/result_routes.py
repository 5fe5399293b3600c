"""Routes of what a model left behind: its states, its directory, its figures and its report."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from polytask.serve import result_files
from polytask.serve.examples import responds
from polytask.serve.service import Service
from polytask.serve.shelf import Served

__all__ = ["router"]

router = APIRouter(tags=["models"])

_REPORT = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox; frame-ancestors 'none'"


@router.get("/models/{name}/history", summary="List the states of a model", responses=responds("history"))
async def get_history(request: Request, name: str) -> Response:
    """The states that are kept, the oldest first, each with what was done."""
    return JSONResponse(await _of(request, name, result_files.history))


@router.get("/models/{name}/bundle", summary="Download a model", response_class=Response)
async def get_bundle(request: Request, name: str) -> Response:
    """The directory of a model as a ZIP file; unpacked it can be loaded, and served elsewhere."""
    content = await _of(request, name, result_files.bundle_zip)
    place = f"attachment; filename*=UTF-8''{quote(name, safe='')}.zip"
    return Response(content, media_type="application/zip", headers={"Content-Disposition": place})


@router.get("/models/{name}/results", summary="Figures of a model", responses=responds("results"))
async def get_results(request: Request, name: str) -> Response:
    """What a fit found for each target, against models of one target and a constant answer."""
    return JSONResponse(await _of(request, name, result_files.results))


@router.get("/models/{name}/importance", summary="Which columns matter", responses=responds("importance"))
async def get_importance(request: Request, name: str) -> Response:
    """How much worse each target is predicted when a column is shuffled, on rows that the model has seen."""
    return JSONResponse(await _of(request, name, result_files.importance))


@router.get("/models/{name}/report", summary="Report of a fit", response_class=Response)
async def get_report(request: Request, name: str) -> Response:
    """The report as one HTML file."""
    content = await _of(request, name, result_files.report)
    return Response(content, media_type="text/html", headers={"Content-Security-Policy": _REPORT})


async def _of(request: Request, name: str, call: Callable[[Served], Any]) -> Any:
    service: Service = request.app.state.service
    return await service.work.run(lambda: call(service.shelf.get(name)))
