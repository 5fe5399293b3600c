"""Routes of tables: upload, fit, watch, stop."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from polytask.serve.bodies import checked, read_body
from polytask.serve.examples import body_of, responds
from polytask.serve.failures import Refused
from polytask.serve.fit_requests import fit_request
from polytask.serve.forms import FitTable
from polytask.serve.service import Service

__all__ = ["router"]

router = APIRouter(tags=["tables"])

_PAUSE = 0.5  # seconds between two events


@router.post(
    "/tables", summary="Upload a table", status_code=201, openapi_extra=body_of("tables"),
    responses=responds("table", status=201),
)  # fmt: skip
async def upload_table(request: Request) -> Response:
    """Keep a table for some time, and tell what its columns may be: CSV or Parquet, also as a form's file."""
    service = _service(request)
    body = await read_body(request, service.limits)

    def added() -> dict[str, Any]:
        told = body.json()
        dataset = told.get("dataset") if isinstance(told, dict) else None
        if len(body.parts) == 1 and dataset is None:
            return service.uploads.add(body.parts[0])
        if isinstance(dataset, str) and not body.parts:
            return service.uploads.add_dataset(dataset)
        raise Refused(422, "A request has one table.", where="file", remedy="Send one .csv or .parquet file.")

    told = await service.work.run(added)
    return JSONResponse(told, status_code=201)


@router.get("/tables/{table}", summary="Describe an uploaded table", responses=responds("table"))
async def get_table(request: Request, table: str) -> Response:
    """What the columns of a table may be."""
    service = _service(request)
    return JSONResponse(await service.work.run(service.uploads.about, table))


@router.delete("/tables/{table}", summary="Forget an uploaded table", status_code=204)
async def delete_table(request: Request, table: str) -> Response:
    """Remove the file; models that were fitted to it stay."""
    service = _service(request)
    await service.work.run(service.uploads.delete, table)
    return Response(status_code=204)


@router.post(
    "/tables/{table}/fit", summary="Fit a model to a table", status_code=202, openapi_extra=body_of("fit"),
    responses=responds("queued", status=202),
)  # fmt: skip
async def fit_table(request: Request, table: str) -> Response:
    """Train a model of some targets, and compare it, in a process of its own; it waits for its turn."""
    service = _service(request)
    body = await read_body(request, service.limits)

    def started() -> str:
        asked = checked(FitTable, body.json())
        return service.jobs.start(fit_request(asked, service.uploads, table, service.shelf, service.settings))

    job = await service.work.run(started)
    service.metrics.changes.labels("fit").inc()
    return JSONResponse({"job": job}, status_code=202)


@router.get("/jobs/{job}", summary="Tell how far a fit is", responses=responds("job"))
async def get_job(request: Request, job: str) -> Response:
    """State, share done, losses by target, and the model once it is there."""
    service = _service(request)
    return JSONResponse(await service.work.run(service.jobs.state, job))


@router.get("/jobs/{job}/events", summary="Watch a fit", response_class=StreamingResponse)
async def watch_job(request: Request, job: str) -> Response:
    """The same as server-sent events, until the fit has ended."""
    service = _service(request)
    await service.work.run(service.jobs.state, job)  # refused here, and not in the middle of the answer

    async def events() -> AsyncIterator[str]:
        last: dict[str, Any] = {}
        while True:
            try:
                told = await service.work.run(service.jobs.state, job)
            except Refused:  # too much to do, or the job was forgotten
                return
            if told != last:
                yield f"data: {json.dumps(told)}\n\n"
            if told["state"] not in ("waiting", "running") or await request.is_disconnected():
                return
            last = told
            await asyncio.sleep(_PAUSE)

    return StreamingResponse(events(), media_type="text/event-stream")


@router.delete("/jobs/{job}", summary="Stop a fit", responses=responds("job"))
async def stop_job(request: Request, job: str) -> Response:
    """Stop a fit, of which nothing is kept."""
    service = _service(request)
    return JSONResponse(await service.work.run(service.jobs.stop, job))


def _service(request: Request) -> Service:
    return request.app.state.service
