"""Start a service: settings out of what was typed, worker processes, and an end that leaves nothing."""

import ipaddress
import os
import signal
import socket
import threading
import time
import webbrowser
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

from polytask.core import InputError, MissingPackageError
from polytask.core.files import user_path
from polytask.core.interrupts import ctrl_c_as_termination
from polytask.core.processors import processors
from polytask.serve.demo_model import demo_model
from polytask.serve.failures import Refused
from polytask.serve.names import checked_name
from polytask.serve.runtime_folder import runtime_folder
from polytask.serve.settings import ENVIRONMENT, TOKEN, Limits, ServeSettings

__all__ = ["is_local", "named_models", "run_service"]

_FOLDER_OF_COUNTERS = "PROMETHEUS_MULTIPROC_DIR"


def run_service(
    models: Sequence[str],
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    store: str | Path | None = None,
    workers: int = 1,
    threads: int | None = None,
    builtin: bool = True,
    demo: bool = False,
    open_page: bool = False,
    no_token: bool = False,
    hosts: Sequence[str] = (),
    proxy: str | None = None,
    limits: Mapping[str, Any] | None = None,
    say: Callable[[str], object] = print,
) -> None:
    """Serve models until the process is stopped.

    Args:
        models: Directories, or ``NAME=DIRECTORY``.
        host: The address to listen at.
        port: Its port; 0 for any that is free.
        store: A folder for models that are made here; None for one that goes with the service.
        workers: Processes.
        threads: Threads of each that compute; None for the processors that may be used, dealt among the
            workers.
        builtin: Whether the encoders are served that need no model.
        demo: Whether the built-in penguins are served, too.
        open_page: Whether a browser is opened once the service answers.
        no_token: Whether others may ask without a token.
        hosts: Further names under which the service is asked.
        proxy: The address of a proxy, which is believed where it says who asks.
        limits: Those of `Limits` that differ.
        say: Tells where the service is.

    Raises:
        InputError: A model, an address or a limit is wrong; or others could ask without a token.
        MissingPackageError: The packages of the service are not installed.
    """
    _check_packages()
    if workers > 1 and os.name == "nt":
        raise InputError("On Windows workers cannot keep out of each other's way. Leave out `workers`.")
    token = bool(os.environ.get(TOKEN))
    if not is_local(host) and not token and not no_token:
        raise InputError(
            f"Other machines could use the service at {host} without a token. Set the environment variable "
            f"{TOKEN}, listen at 127.0.0.1, or set `no_token`."
        )
    before = signal.signal(signal.SIGTERM, _ended)  # so that what lies in the folder is removed
    try:
        with runtime_folder() as runtime:
            folder = Path(runtime) / "store" if store is None else user_path(store)
            named = named_models(models)
            if demo:
                named.setdefault("penguins", str(demo_model(folder.absolute() / "demo" / "penguins", say)))
            settings = ServeSettings(
                store=str(folder.absolute()),
                runtime=runtime,
                models=named,
                builtin=builtin,
                hosts=tuple(name.lower() for name in (host, *hosts)),
                any_host=not is_local(host) and not hosts,
                token=token,
                threads=threads or max(1, processors() // workers),
                limits=Limits(**(limits or {})),
            )
            _check_models(settings)
            _run(settings, host=host, port=port, workers=workers, proxy=proxy, open_page=open_page, say=say)
    finally:
        signal.signal(signal.SIGTERM, before)


def is_local(host: str) -> bool:
    """Tell whether only this machine reaches an address.

    Example:
        >>> is_local("localhost"), is_local("127.0.0.1"), is_local("0.0.0.0")
        (True, True, False)
    """
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def named_models(models: Sequence[str]) -> dict[str, str]:
    """Return directories by the names under which they are served.

    Raises:
        InputError: Two have the same name, or one has none.

    Example:
        >>> sorted(named_models(["runs/penguins", "birds=other/model"]))
        ['birds', 'penguins']
    """
    named: dict[str, str] = {}
    for text in models:
        name, equals, place = text.partition("=")
        if not equals or "/" in name or os.sep in name:
            name, place = user_path(text).absolute().name, text
        try:
            name = checked_name(name)
        except Refused as refused:
            raise InputError(f"{refused.what} {refused.remedy} Write NAME={text} to choose one.") from refused
        if name in named:
            raise InputError(f"Two models would be called {name!r}. Write NAME=DIRECTORY for one of them.")
        named[name] = str(user_path(place).absolute())
    return named


def _check_packages() -> None:
    try:
        import fastapi  # noqa: F401 - only to see whether they are there
        import prometheus_client  # noqa: F401
        import python_multipart  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise MissingPackageError(error.name or "fastapi", extra="serve", purpose="serving models") from error


def _check_models(settings: ServeSettings) -> None:
    """Refuse a model that cannot be loaded here, and not in each worker."""
    from polytask.models.bundle_info import bundle_info

    for path in settings.models.values():
        if problems := bundle_info(path).problems:
            raise InputError(problems[0])


def _run(
    settings: ServeSettings,
    *,
    host: str,
    port: int,
    workers: int,
    proxy: str | None,
    open_page: bool,
    say: Callable[[str], object],
) -> None:
    import uvicorn

    from polytask.serve.connections import PatientProtocol

    port = _usable_port(host, port)
    os.environ[ENVIRONMENT] = settings.to_json()
    if workers > 1:
        counters = Path(settings.runtime) / "counters"
        counters.mkdir()
        os.environ[_FOLDER_OF_COUNTERS] = str(counters)
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # what else computes beside torch
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}/"
    threading.Thread(target=_tell, args=(address, (host, port), say, open_page), daemon=True).start()
    try:
        with ctrl_c_as_termination() if workers > 1 else nullcontext():  # which ends the workers
            uvicorn.run(
                "polytask.serve.worker:create",
                factory=True,
                http=PatientProtocol,
                host=host,
                port=port,
                workers=workers,
                access_log=False,
                server_header=False,
                proxy_headers=proxy is not None,
                forwarded_allow_ips=proxy,
                log_level="warning",
                timeout_keep_alive=30,
                timeout_graceful_shutdown=10,
                limit_concurrency=4 * settings.limits.requests,
            )
    except KeyboardInterrupt:  # the way to stop it
        pass
    finally:
        for name in (ENVIRONMENT, _FOLDER_OF_COUNTERS):
            os.environ.pop(name, None)


def _tell(address: str, listens: tuple[str, int], say: Callable[[str], object], open_page: bool) -> None:
    """Say where the service is once it answers, and open the page; or leave it where it never does."""
    for _ in range(3000):
        with suppress(OSError), socket.create_connection(listens, timeout=5):
            say(f"Serving at {address} - stop with Ctrl-C.")
            if open_page:
                webbrowser.open(address)
            return
        time.sleep(0.2)


def _ended(*_: object) -> None:
    raise SystemExit(0)


def _usable_port(host: str, port: int) -> int:
    """Return the port, or one that is free for 0.

    Raises:
        InputError: It cannot be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((host.strip("[]"), port))
        except OSError as error:
            raise InputError(
                f"{host}:{port} cannot be used: {error.strerror or error}. Choose another `port`."
            ) from error
        return tried.getsockname()[1]
