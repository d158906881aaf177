"""From exec to listening: the model opens in a thread while the server is imported, then uvicorn runs the porch."""

import gc
import logging
import os
import resource
import signal
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from math import ceil
from threading import Thread
from types import ModuleType
from typing import TYPE_CHECKING, Any

from lightsleeper.errors import ConfigurationError, LightsleeperError
from lightsleeper.telemetry import logs

if TYPE_CHECKING:
    from lightsleeper.model.model import Model
    from lightsleeper.serving.door import Door
    from lightsleeper.serving.settings import Settings

log = logging.getLogger("lightsleeper")

#: Longer than callers keep an idle connection: Go's transport, and so Knative's proxies, 90 s. Who closes first may
#: close under a request: of 500 that came 5 s after the last, 112 failed with uvicorn's own 5 s, none with this.
_KEEP_ALIVE_S = 120

#: Those of the process that are no connection of a client: standard streams, weights, Redis, the collector.
_OTHER_FILES = 256


def serve() -> int:
    """Serve until SIGTERM or SIGINT; the exit status. A service that cannot work says why in one line and exits 1."""
    started_s = time.perf_counter()
    # Imports make a hundred thousand objects and no garbage: looking for some takes a tenth of a wake's CPU.
    gc.disable()
    with ThreadPoolExecutor(1, thread_name_prefix="open-model") as opener:
        opener.submit(_import_engine)
        try:
            return _serve(opener, started_s)
        except LightsleeperError as error:
            line = " ".join(error.message.splitlines())  # a path may hold any sign
            sys.stderr.write(f"lightsleeper: {line}\n")
            return 1


def _serve(opener: ThreadPoolExecutor, started_s: float) -> int:
    from lightsleeper.serving.settings import read_settings  # noqa: PLC0415  # after the opener has begun

    settings = read_settings()
    loading: Future[Model] = opener.submit(_open_model, settings)
    if settings.otlp_endpoint or settings.metrics_port is not None:
        Thread(target=import_module, args=["lightsleeper.telemetry.export"], daemon=True).start()
    uvicorn = import_uvicorn()
    from lightsleeper.serving.app import early_refusals  # noqa: PLC0415  # see above
    from lightsleeper.serving.http_shedding import SheddingProtocol  # noqa: PLC0415  # see above
    from lightsleeper.serving.porch import Porch  # noqa: PLC0415  # see above

    _allow_files(settings.max_connections + _OTHER_FILES)
    porch = Porch(settings, loading)
    config = uvicorn.Config(
        porch,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http=partial(SheddingProtocol, door=_door(settings), refusals=early_refusals(settings)),
        ws="none",
        lifespan="on",
        log_config=logs.config(settings.log_level),
        log_level=settings.log_level,
        access_log=settings.access_log,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=ceil(settings.drain_timeout_s),  # it takes whole seconds, and 0 for none
        server_header=False,
        proxy_headers=False,  # the application reads them
    )
    loading.result()  # a bundle that cannot work ends here, before the port is open
    log.debug("model open after %.3f s", time.perf_counter() - started_s)
    gc.freeze()  # nor is what lives as long as the process looked through again and again
    gc.enable()
    server = uvicorn.Server(config)
    # uvicorn drains, then raises the signal again for whoever handled it before: here, an end that went well.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    _let_workers_finish()
    try:
        server.run()
    except SystemExit as end:
        if server.started and isinstance(porch.failure, LightsleeperError):
            raise porch.failure from None
        if server.started or not end.code:
            raise
        # uvicorn has said why, and would exit with a status of its own.
        raise _cannot_start(settings, porch.failure) from None
    return 0 if server.started else 1


def _cannot_start(settings: "Settings", failure: BaseException | None) -> LightsleeperError:
    """What kept it from listening: a part that did not open, or else the address."""
    if failure is None:
        where = f"{settings.host}, port {settings.port}"
        return ConfigurationError(f"cannot listen on {where}: LIGHTSLEEPER_HOST and PORT say so")
    if isinstance(failure, LightsleeperError):
        return failure
    return ConfigurationError(f"cannot start: {type(failure).__name__}, which the log shows whole")


def import_uvicorn() -> ModuleType:
    """Uvicorn's server without its command line, its reloader and its supervisors, which the package imports first.

    They bring click and multiprocessing: a twentieth of a wake's CPU for what nothing here calls. So the package is
    there empty while its server is imported. A uvicorn that needs more of itself gets all of itself.
    """
    spec = find_spec("uvicorn") if "uvicorn" not in sys.modules else None
    if spec is None or spec.loader is None:
        return import_module("uvicorn")
    package: Any = module_from_spec(spec)
    sys.modules["uvicorn"] = package
    try:
        package.Config = import_module("uvicorn.config").Config
        package.Server = import_module("uvicorn.server").Server
    except (ImportError, AttributeError):
        spec.loader.exec_module(package)
    return package  # type: ignore[no-any-return]  # a module that was given its contents


def _let_workers_finish() -> None:
    """Of this thread and those that it starts: what comes in does not take the CPU from an inference, but waits for it.

    On one CPU every packet would be a change of threads and cold caches: at ten times its capacity a service answered
    53 and 58 % of it and kept some refusals waiting for seconds, with this 61 and 66 % and 0.2 s (in turns).
    https://man7.org/linux/man-pages/man7/sched.7.html: `SCHED_BATCH`, which needs no privilege.
    """
    with suppress(AttributeError, OSError):  # not Linux, or a sandbox that has no such thing
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def _allow_files(count: int) -> None:
    """A shell's soft limit is often 1,024, and a connection for which no file is left is not refused: it hangs."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count if hard == resource.RLIM_INFINITY else min(count, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _door(settings: "Settings") -> "Door":
    from lightsleeper.serving.door import Door, DoorLimits  # noqa: PLC0415  # brings asyncio: after the opener has begun

    limits = DoorLimits(
        max_connections=settings.max_connections,
        max_head_bytes=settings.max_head_bytes,
        head_timeout_s=settings.head_timeout_s,
        min_body_bytes_per_s=settings.min_body_bytes_per_s,
        max_inflight_body_bytes=settings.max_inflight_body_bytes,
    )
    return Door(limits)


def _import_engine() -> None:
    """The imports that need no setting; errors surface when the model is opened."""
    # Threads belong to the batcher's workers; left alone, these libraries start one per core of the node. Not whatever
    # the environment says: what other threads read is on the clock of nobody's turn, and turns are given by time.
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    import lightsleeper.model.model  # noqa: F401, PLC0415  # in this thread on purpose


def _open_model(settings: "Settings") -> "Model":
    from lightsleeper.serving.opening import open_model  # noqa: PLC0415  # what it needs, `_import_engine` imported

    return open_model(settings, digests=False)  # the porch compares them later
