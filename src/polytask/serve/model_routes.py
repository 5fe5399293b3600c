"""Routes of models: list, predict, adapt, change, undo, download."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from polytask.core import PolytaskError
from polytask.serve.bodies import Body, checked, read_body
from polytask.serve.description import described
from polytask.serve.examples import body_of, responds
from polytask.serve.failures import as_refused
from polytask.serve.forms import Adapt, Changed, Forget, MoreExamples, NewName, Predict, Remove, Rename
from polytask.serve.items import checked_label as _label
from polytask.serve.predictions import predict
from polytask.serve.service import Service
from polytask.serve.shelf import Served
from polytask.serve.work import taken_notes

__all__ = ["router"]

router = APIRouter(tags=["models"])


@router.get("/models", summary="List the models", responses=responds("models"))
async def list_models(request: Request) -> Response:
    """All models, each with what it takes and answers."""
    service = _service(request)

    def listed() -> list[dict[str, Any]]:
        return [described(served) for served in service.shelf.all()]

    models = await service.work.run(listed)
    service.metrics.models.set(len(models))
    return JSONResponse({"models": models})


@router.get("/models/{name}", summary="Describe a model", responses=responds("model"))
async def get_model(request: Request, name: str) -> Response:
    """What a model takes and answers, and how often it was changed."""
    service = _service(request)
    return JSONResponse(await service.work.run(lambda: described(service.shelf.get(name))))


@router.post(
    "/models/{name}/predict",
    summary="Predict",
    openapi_extra=body_of("predict"),
    responses=responds("predictions"),
)
async def predict_with(request: Request, name: str) -> Response:
    """Predict rows, texts, images, sounds or vectors, as JSON, CSV, Parquet or files of a form."""
    service = _service(request)
    body = await read_body(request, service.limits)

    def predicted() -> dict[str, Any]:
        told = body.json()
        asked = checked(Predict, {} if told is None and body.parts else told)
        with taken_notes() as notes:
            found = predict(service.shelf.get(name), asked, body, service.limits, service.scratch)
        return {**found, "notes": notes}

    answer = await service.work.run(_fenced, predicted)
    service.metrics.predictions.inc(len(answer["predictions"]))
    return JSONResponse(answer)


@router.post(
    "/models/{name}/adapt",
    summary="Make a new model of labelled examples",
    status_code=201,
    openapi_extra=body_of("adapt"),
    responses=responds("model", status=201),
)
async def adapt_model(request: Request, name: str) -> Response:
    """Learn a new task from labelled examples, or new tasks from rows; the model itself stays as it is."""
    service = _service(request)
    body = await read_body(request, service.limits)

    def change() -> Served:
        return service.changes.adapt(name, checked(Adapt, _told(body)), body)

    return await _change(service, "adapt", change, status=201)


@router.post(
    "/models/{name}/examples",
    summary="Add labelled examples",
    openapi_extra=body_of("examples"),
    responses=responds("model"),
)
async def add_examples(request: Request, name: str) -> Response:
    """Add examples to a model that was made here; labels that are new become classes."""
    service = _service(request)
    body = await read_body(request, service.limits)

    def change() -> Served:
        told = _told(body)
        asked = checked(MoreExamples, {} if told is None and body.parts else told)
        return service.changes.learn_more(name, asked, body)

    return await _change(service, "examples", change)


@router.post(
    "/models/{name}/rename",
    summary="Rename a class",
    openapi_extra=body_of("rename"),
    responses=responds("model"),
)
async def rename_class(request: Request, name: str) -> Response:
    """Give a class another name; nothing is computed anew."""
    return await _classify(
        request, name, "rename", Rename, lambda asked: (asked.label, _label(asked.to, "to"))
    )


@router.post(
    "/models/{name}/remove",
    summary="Remove a class",
    openapi_extra=body_of("remove"),
    responses=responds("model"),
)
async def remove_class(request: Request, name: str) -> Response:
    """Forget a class and its examples."""
    return await _classify(request, name, "remove", Remove, lambda asked: (asked.label,))


@router.post(
    "/models/{name}/correct",
    summary="Correct the class of an example",
    openapi_extra=body_of("correct"),
    responses=responds("model"),
)
async def correct_example(request: Request, name: str) -> Response:
    """Put an example into another class, which may be new."""
    return await _classify(
        request, name, "correct", Changed, lambda asked: (asked.example, _label(asked.label, "class"))
    )


@router.post(
    "/models/{name}/forget",
    summary="Forget an example",
    openapi_extra=body_of("forget"),
    responses=responds("model"),
)
async def forget_example(request: Request, name: str) -> Response:
    """Forget an example."""
    return await _classify(request, name, "remove_example", Forget, lambda asked: (asked.example,))


@router.post(
    "/models/{name}/classes/{label:path}",
    summary="Rename a class, by its path",
    openapi_extra=body_of("rename_path"),
    responses=responds("model"),
)
async def rename_class_path(request: Request, name: str, label: str) -> Response:
    """Give a class another name; nothing is computed anew."""
    return await _classify(
        request, name, "rename", NewName, lambda asked: (label, _label(asked.rename, "rename"))
    )


@router.delete(
    "/models/{name}/classes/{label:path}", summary="Remove a class, by its path", responses=responds("model")
)
async def remove_class_path(request: Request, name: str, label: str) -> Response:
    """Forget a class and its examples."""
    service = _service(request)
    return await _change(service, "remove", lambda: service.changes.classify(name, "remove", (label,)))


@router.post("/models/{name}/undo", summary="Undo the last change", responses=responds("model"))
async def undo(request: Request, name: str) -> Response:
    """Go back to the state before the last change; that is a new revision, too."""
    service = _service(request)
    return await _change(service, "undo", lambda: service.changes.undo(name))


@router.delete("/models/{name}", summary="Delete a model", status_code=204)
async def delete_model(request: Request, name: str) -> Response:
    """Delete a model that was made here, with all its revisions."""
    service = _service(request)
    await service.work.run(service.changes.delete, name)
    service.metrics.changes.labels("delete").inc()
    return Response(status_code=204)


async def _classify(
    request: Request, name: str, what: str, form: Any, words: Callable[[Any], tuple[str, ...]]
) -> Response:
    """Change classes or examples, in the words that a request has for it."""
    service = _service(request)
    body = await read_body(request, service.limits)

    def change() -> Served:
        return service.changes.classify(name, what, words(checked(form, body.json())))

    return await _change(service, what, change)


async def _change(service: Service, what: str, change: Any, *, status: int = 200) -> Response:
    def changed() -> dict[str, Any]:
        with taken_notes() as notes:
            served: Served = change()
        return {**described(served), "notes": notes}

    answer = await service.work.run(_fenced, changed)
    service.metrics.changes.labels(what).inc()
    return JSONResponse(answer, status_code=status)


def _fenced(call: Any) -> Any:
    """Run a call; what the library refuses becomes a record."""
    try:
        return call()
    except PolytaskError as error:
        raise as_refused(error) from error


def _told(body: Body) -> Any:
    """Return what a body says beside its files."""
    told = body.json()
    return dict(body.fields) or None if told is None else told


def _service(request: Request) -> Service:
    return request.app.state.service
