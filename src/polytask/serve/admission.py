"""Which requests are let in: by name of the host, token, origin, and how often a client asks."""

import hashlib
import hmac
import ipaddress
import math
from urllib.parse import urlsplit

from starlette.requests import Request

from polytask.serve.bodies import TABLE_TYPES, media_type
from polytask.serve.failures import Refused
from polytask.serve.service import Service

__all__ = ["check_request", "counted_as", "host_name"]

_LOCAL = ("localhost", "127.0.0.1", "::1")
_OPEN = ("/", "/health", "/favicon.ico", "/docs", "/openapi.json")
_SAFE = ("GET", "HEAD", "OPTIONS")
_NOT_SIMPLE = {"application/json", *TABLE_TYPES}
_HEADER = "X-Polytask"


def check_request(request: Request, service: Service) -> None:
    """Refuse a request that must not be served.

    Raises:
        Refused: It asks by a strange name, comes from a stranger's page, too often, or without the token.
    """
    settings = service.settings
    if not settings.any_host and host_name(request.headers.get("host", "")) not in (*_LOCAL, *settings.hosts):
        raise Refused(
            421,
            "The service is not asked by this name.",
            where="Host",
            remedy="Use the address that it was started with, or start it with the name as an allowed one.",
        )
    client = request.client.host if request.client else "?"
    if wait := service.rates.wait(counted_as(client)):
        raise Refused(
            429,
            f"This client asks more than {service.limits.rate:,} times a minute.",
            remedy="Ask again after the time that Retry-After says.",
            retry_after=math.ceil(wait),
        )
    path = request.url.path
    if service.token is not None and path not in _OPEN and not path.startswith("/page/"):
        _check_token(request.headers.get("authorization", ""), service.token)
    if request.method not in _SAFE:
        _check_origin(request)


def host_name(header: str) -> str:
    """Return the name in a Host header, without its port.

    Example:
        >>> host_name("LocalHost:8000"), host_name("[::1]:8000")
        ('localhost', '::1')
    """
    try:
        return (urlsplit(f"//{header}").hostname or "").lower().rstrip(".")
    except ValueError:
        return ""


def counted_as(address: str) -> str:
    """Return by what the requests of a client are counted: of IPv6 the network, as one client has very many.

    Example:
        >>> counted_as("10.1.2.3"), counted_as("::ffff:10.1.2.3"), counted_as("2001:db8::1:2")
        ('10.1.2.3', '10.1.2.3', '2001:db8::/64')
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    mapped = found.ipv4_mapped
    return str(ipaddress.ip_network((int(found), 64), strict=False) if mapped is None else mapped)


def _check_token(header: str, token: str) -> None:
    kind, _, given = header.partition(" ")
    # Of equal length, so that the comparison takes the same time whatever is given.
    digests = (hashlib.sha256(text.strip().encode(errors="replace")).digest() for text in (given, token))
    if not hmac.compare_digest(*digests) or kind.lower() != "bearer":
        raise Refused(
            401,
            "The token is missing or wrong.",
            where="Authorization",
            remedy="Send the header `Authorization: Bearer TOKEN`.",
        )


def _check_origin(request: Request) -> None:
    """Refuse what a page of a stranger could make a browser send."""
    origin, host = request.headers.get("origin"), request.headers.get("host", "")
    site = request.headers.get("sec-fetch-site", "same-origin")
    if (origin is not None and origin.partition("://")[2].lower() != host.lower()) or site not in (
        "same-origin",
        "none",
    ):
        raise Refused(
            403,
            "The request comes from another site.",
            where="Origin",
            remedy="Ask from the service's own page.",
        )
    # Browsers send these types across sites without asking first, and a body without any type.
    if request.method == "POST" and media_type(request) not in _NOT_SIMPLE and _HEADER not in request.headers:
        raise Refused(
            403,
            f"A form, or a request without a body, needs the header {_HEADER}.",
            where=_HEADER,
            remedy=f"Send `{_HEADER}: 1`, or JSON.",
        )
