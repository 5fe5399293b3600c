"""The body of a request: JSON, a table, or files; read once, within its limits."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request

from polytask.core import InputError
from polytask.core.strict_json import parse_json
from polytask.serve.failures import Refused
from polytask.serve.settings import Limits

__all__ = ["Body", "Part", "checked", "media_type", "read_body"]

TABLE_TYPES: Mapping[str, str] = {
    "text/csv": ".csv",
    "application/vnd.apache.parquet": ".parquet",
    "application/x-parquet": ".parquet",
}
"""Types of tables, and how their files end."""

_MOST_FIELDS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A file of a request.

    Args:
        field: The field of the form; empty where the file is the body itself.
        name: What the client calls it; never used as a path.
        content: Its bytes.
    """

    field: str
    name: str
    content: bytes

    @property
    def ending(self) -> str:
        """How its name ends, in lower case."""
        return Path(self.name).suffix.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What a request holds.

    Args:
        content: Its JSON, as it came; empty for none.
        parts: Its files.
        fields: Further fields of a form.
    """

    content: bytes = b""
    parts: tuple[Part, ...] = ()
    fields: Mapping[str, str] = field(default_factory=dict)

    def json(self) -> Any:
        """Parse the JSON; None where there is none.

        To be called where the request is worked on: what is parsed takes many times the memory of its text.

        Raises:
            Refused: It is no JSON.
        """
        if not self.content.strip():
            return None
        try:
            return parse_json(self.content)
        except InputError as error:
            raise Refused(400, f"This is no JSON: {error}", where="body", remedy="Correct it.") from error


def media_type(request: Request) -> str:
    """Return the type of a body, without its parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read_body(request: Request, limits: Limits) -> Body:
    """Read a body by its type.

    Raises:
        Refused: It is too large, of another type, or cannot be read.
    """
    kind = media_type(request)
    if kind in TABLE_TYPES:
        content = await request.body()
        return Body(parts=(Part(field="", name=f"table{TABLE_TYPES[kind]}", content=content),))
    if kind == "multipart/form-data":
        try:
            async with request.form(max_files=limits.rows, max_fields=_MOST_FIELDS) as form:
                return await _of_form(form)
        except (MultiPartException, HTTPException) as error:  # the second where an application stands around
            reason = error.message if isinstance(error, MultiPartException) else error.detail
            raise Refused(400, f"The form cannot be read: {reason}", remedy="Send it anew.") from error
    if kind not in ("application/json", ""):
        raise Refused(
            415,
            f"The service does not read {kind[:80]!r}.",
            where="Content-Type",
            remedy="Send application/json, text/csv, application/vnd.apache.parquet or multipart/form-data.",
        )
    return Body(content=await request.body())


def checked(form: type[BaseModel], value: Any) -> Any:
    """Bring JSON into a form.

    Raises:
        Refused: It does not fit; the first field that does not is named.
    """
    if not isinstance(value, dict):
        what = "nothing" if value is None else type(value).__name__
        raise Refused(
            422, f"The body holds {what}.", where="body", remedy="Send a JSON object; /docs has an example."
        )
    try:
        return form.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        more = f" ({error.error_count()} fields in all)" if error.error_count() > 1 else ""
        where = ".".join(map(str, first["loc"])) or "body"
        raise Refused(
            422,
            f"{_said(first)}{more}.",
            where=where[:200],
            remedy=f"Correct it; fields are {', '.join(_fields(form))}. /docs has an example.",
        ) from error


def _said(problem: Mapping[str, Any]) -> str:
    """Say in our words what pydantic says of a field that is unknown, or lacking."""
    if problem["type"] == "extra_forbidden":
        return f"There is no field {str(problem['loc'][-1])[:80]!r}"
    return "The field is missing" if problem["type"] == "missing" else problem["msg"]


def _fields(form: type[BaseModel]) -> list[str]:
    """Return the names of the fields, as requests write them."""
    return [field.alias or name for name, field in form.model_fields.items()]


async def _of_form(form: FormData) -> Body:
    parts, fields = [], {}
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            parts.append(Part(field=name, name=value.filename or "", content=await value.read()))
        else:
            fields[name] = value
    content = fields.pop("json", "").encode("utf-8", "replace")
    return Body(content=content, parts=tuple(parts), fields=fields)
