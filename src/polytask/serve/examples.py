"""Examples of requests and answers, for the documentation of the routes."""

from typing import Any

__all__ = ["REQUESTS", "body_of", "responds"]

_PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
_MODEL = {
    "name": "intents",
    "family": "few-shot",
    "data": "texts",
    "builtin": False,
    "made_by": "adapt",
    "revision": 1,
    "can_undo": False,
    "classes": ["money", "weather"],
    "n_examples": {"money": 1, "weather": 1},
    "examples": {"money": ["0"], "weather": ["1"]},
}

REQUESTS: dict[str, dict[str, Any]] = {
    "predict": {
        "texts": {"texts": ["when must I pay"], "sets": 0.9},
        "rows": {"rows": [{"species": "Adelie", "bill_length_mm": 39.1}], "intervals": 0.9},
        "tasks": {
            "context": [{"school": "new", "age": 12, "score": 71}, {"school": "new", "age": 14, "score": 80}],
            "rows": [{"school": "new", "age": 13, "score": 75}],
            "intervals": 0.9,
            "log_density": True,
        },
        "images": {"images": [_PIXEL]},
        "vectors": {"vectors": [[0.5, 1.5]]},
    },
    "adapt": {
        "texts": {
            "name": "intents",
            "examples": [
                {"text": "pay my bill", "class": "money"},
                {"text": "will it rain", "class": "weather"},
            ],
        },
        "rows": {"name": "schools", "rows": [{"school": "new", "age": 12, "score": 71}]},
    },
    "examples": {"texts": {"examples": [{"text": "a large pizza", "class": "food"}]}},
    "rename": {"class": {"class": "food", "to": "meals"}},
    "rename_path": {"class": {"rename": "meals"}},
    "remove": {"class": {"class": "food"}},
    "correct": {"example": {"example": "2", "class": "weather"}},
    "forget": {"example": {"example": "2"}},
    "tables": {"built in": {"dataset": "penguins"}},
    "fit": {
        "penguins": {"name": "penguins", "targets": ["body_mass_g", "sex:binary"], "options": {"epochs": 50}}
    },
}
"""By route, examples of JSON by name."""

ANSWERS: dict[str, Any] = {
    "model": _MODEL,
    "models": {"models": [_MODEL]},
    "predictions": {
        "predictions": [
            {
                "class": "money",
                "none": False,
                "typicality": 0.6,
                "probabilities": {"money": 0.9, "weather": 0.1},
            }
        ],
        "notes": [],
    },
    "health": {"status": "ok", "version": "0.1.0", "models": 5},
    "history": [{"revision": 1, "at": "2026-01-31T12:00:00+00:00", "change": "made from texts"}],
    "table": {
        "table": "3f6c",
        "rows": 344,
        "columns": [
            {
                "name": "body_mass_g",
                "kind": "regression",
                "kinds": ["regression", "log"],
                "reads_as": "number",
                "missing": 2,
                "examples": ["3750", "3800"],
                "may_be_target": True,
                "note": "",
            }
        ],
    },
    "queued": {"job": "a81b"},
    "job": {"state": "running", "share": 0.4, "says": "training", "losses": {"body_mass_g": [1.0, 0.6]}},
    "results": {"tasks": [{"task": "body_mass_g", "metric": "rmse", "higher_is_better": False}]},
    "importance": {"body_mass_g": [{"column": "species", "importance": 0.8, "low": 0.7, "high": 0.9}]},
}
"""Answers by name."""

_ERROR = {
    "error": {
        "what": "There is no model 'x'.",
        "where": "name",
        "remedy": "Ask GET /models for those that there are.",
        "request": "1f0a",
    }
}
_FAILURES = {
    401: "the token is missing or wrong",
    404: "there is no such thing",
    409: "it does not fit the state of the model",
    413: "it is too large, or too many",
    422: "something in it is wrong",
    429: "the client asks too often; see Retry-After",
    503: "the service has too much to do; see Retry-After",
}


def body_of(name: str) -> dict[str, Any]:
    """Describe the body of a route by its examples."""
    shown = {label: {"value": value} for label, value in REQUESTS[name].items()}
    content: dict[str, Any] = {"application/json": {"schema": {"type": "object"}, "examples": shown}}
    if name in ("predict", "tables"):
        content |= {
            "text/csv": {"schema": {"type": "string"}},
            "application/vnd.apache.parquet": {"schema": {"type": "string", "format": "binary"}},
            "multipart/form-data": {
                "schema": {"type": "object", "properties": {"file": {"type": "string", "format": "binary"}}}
            },
        }
    return {"requestBody": {"required": True, "content": content}}


def responds(name: str, *, status: int = 200) -> dict[int | str, dict[str, Any]]:
    """Describe the answers of a route."""
    told: dict[int | str, dict[str, Any]] = {
        status: {"description": "Done", "content": {"application/json": {"example": ANSWERS[name]}}}
    }
    failed = {"application/json": {"example": _ERROR}}
    return told | {
        code: {"description": f"Refused: {why}", "content": failed} for code, why in _FAILURES.items()
    }
