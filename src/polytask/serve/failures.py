"""How a request ends that cannot be served: a status, and a record of what, where and how to mend it."""

import errno
import logging
import re

from starlette.responses import JSONResponse

from polytask.core import BundleError, MissingPackageError, PolytaskError

__all__ = ["Refused", "as_refused", "failure_response", "refused_by_system"]

_LOG = logging.getLogger("polytask.serve")
_SENTENCE_END = re.compile(r"(?<=[.!?)'\"]) (?=[A-Z`])")
_LONGEST = 2_000
_OF_SYSTEM = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO),
    *(errno.EMFILE, errno.ENFILE, errno.ENOMEM),
)


class Refused(Exception):  # noqa: N818 - it is an answer, not a fault
    """A request that is not served, and why.

    Args:
        status: Of HTTP.
        what: What is wrong, in a sentence.
        where: The field or part of the request.
        remedy: How to mend it, in a sentence.
        retry_after: Seconds after which it may be asked again; None where that would not help.
    """

    def __init__(
        self, status: int, what: str, *, where: str = "", remedy: str = "", retry_after: int | None = None
    ) -> None:
        super().__init__(what)
        self.status, self.what, self.where, self.remedy = status, what, where, remedy
        self.retry_after = retry_after


def as_refused(error: PolytaskError, *, where: str = "") -> Refused:
    """Turn an error of the library into one of the service: its last sentence says how to mend it.

    What the system refused to the library, as on a full disk, is told without the names of files.

    Example:
        >>> found = as_refused(PolytaskError("There is one class. Give examples of another one."))
        >>> found.status, found.what, found.remedy
        (422, 'There is one class.', 'Give examples of another one.')
    """
    if (refused := refused_by_system(error.__cause__)) is not None:
        _LOG.warning("the system refused: %s", error)
        return refused
    sentences = _SENTENCE_END.split(str(error)[:_LONGEST].strip())
    what = " ".join(sentences[:-1] or sentences)
    remedy = sentences[-1] if len(sentences) > 1 else ""
    status = 501 if isinstance(error, MissingPackageError) else 500 if isinstance(error, BundleError) else 422
    return Refused(status, what, where=where, remedy=remedy)


def refused_by_system(error: BaseException | None) -> Refused | None:
    """Turn what the system refuses to the service, as on a full disk, into an answer; None for other errors.

    The client is told nothing of where files lie.
    """
    if not isinstance(error, OSError) or error.errno not in _OF_SYSTEM:
        return None
    return Refused(
        507,
        "The service cannot read or write its own files.",
        remedy="Ask whoever runs the service to look into its log: the disk may be full.",
    )


def failure_response(refused: Refused, *, where: str, request_id: str) -> JSONResponse:
    """Write a record.

    Args:
        refused: What happened.
        where: The request, where the failure names no part of it.
        request_id: By which the log names the request.
    """
    headers = {"Cache-Control": "no-store"}
    if refused.retry_after is not None:
        headers["Retry-After"] = str(refused.retry_after)
    if refused.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    record = {
        "what": refused.what,
        "where": refused.where or where,
        "remedy": refused.remedy,
        "request": request_id,
    }
    return JSONResponse({"error": record}, status_code=refused.status, headers=headers)
