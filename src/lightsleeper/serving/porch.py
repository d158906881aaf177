"""The application before FastAPI is there: the same routes behind the same door, on what is imported already.

Importing FastAPI takes as long as everything else that a wake needs. So it waits until the first answer is out and
nobody is waiting for another, or until a path is asked for that is none of the direct routes; then it takes over.
The embedded model's digests, a twelfth of a wake, are compared after that answer, too; one that is another ends the
service.
"""

import asyncio
import errno
import logging
import signal
import time
import traceback
from functools import partial
from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Receive, Scope, Send

from lightsleeper.api.guard import FREE_METHODS
from lightsleeper.api.last_resort import REFUSED
from lightsleeper.api.routes import find
from lightsleeper.errors import BundleError, LightsleeperError
from lightsleeper.process import age_s
from lightsleeper.serving.app import door, open_telemetry, whole_app
from lightsleeper.serving.lifespan import serve_parts
from lightsleeper.serving.opening import require_embedded
from lightsleeper.serving.settings import Settings

if TYPE_CHECKING:
    from concurrent.futures import Future

    from lightsleeper.model.model import Model

log = logging.getLogger("lightsleeper")

#: After an answer, until the import begins: who sends one request after the other is not met by it.
_QUIET_S = 0.25

#: What keeps a file from being read for a while, and says nothing about it. Who holds connections open takes the files.
_FOR_A_WHILE = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})

#: Which route a request is for, until it is past the door.
_ROUTE = "lightsleeper.route"


class Porch:
    """An ASGI application: what `create_app` makes, sooner."""

    def __init__(self, settings: Settings, loading: "Future[Model] | None" = None, *, takes_over: bool = True) -> None:
        """`loading` is the model on its way. Unless FastAPI `takes_over`, it answers only what nobody else here can."""
        phases = {"imports": age_s()}
        self._settings = settings
        self._telemetry = open_telemetry(settings)
        self._parts = partial(serve_parts, settings, self._telemetry, loading, phases)
        self._takes_over = takes_over
        #: What kept a part from opening, or ended the service.
        self.failure: BaseException | None = None
        self._front: ASGIApp = _direct
        for middleware, options in door(settings, self._telemetry):
            self._front = middleware(self._front, **options)
        self._whole: ASGIApp | None = None
        self._importing: asyncio.Task[ASGIApp] | None = None
        self._answering = 0
        self._quiet: asyncio.TimerHandle | None = None
        self._checking: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
        elif self._whole and self._takes_over:
            await self._whole(scope, receive, send)
        elif self._can_answer(scope):
            await self._answer(scope, receive, send)
        else:
            whole = await self._imported(scope)
            await whole(scope, receive, send)

    def _can_answer(self, scope: Scope) -> bool:
        if self._settings.root_path:
            scope["root_path"] = self._settings.root_path
        if REFUSED in scope:
            return True
        scope[_ROUTE] = route = find(scope)
        return route is not None

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._answering += 1
        try:
            await self._front(scope, receive, send)
        finally:
            self._answering -= 1
            if scope["method"] not in FREE_METHODS:  # a probe or a look at the page is no first answer
                self._checking = self._checking or asyncio.create_task(self._check())
                self._when_quiet()

    async def _check(self) -> None:
        """Once, however busy it is; a service with another model than it says ends as by SIGTERM."""
        failure = None
        while failure is None or getattr(failure.__cause__, "errno", None) in _FOR_A_WHILE:
            await asyncio.sleep(_QUIET_S)
            try:
                await asyncio.to_thread(require_embedded, self._settings)
            except RuntimeError:  # no thread can be started: that, too, is for a while
                continue
            except BundleError as error:
                failure = error
            else:
                return
        self.failure = failure
        signal.raise_signal(signal.SIGTERM)

    def _when_quiet(self) -> None:
        """Begin the import once nobody has been waiting for a while."""
        if self._quiet:
            self._quiet.cancel()
        if self._takes_over and not self._answering and not self._importing:
            self._quiet = asyncio.get_running_loop().call_later(_QUIET_S, self._import_if_quiet)

    def _import_if_quiet(self) -> None:
        """Whoever came meanwhile sets the clock anew when answered."""
        if not self._answering:
            self._import()

    async def _imported(self, scope: Scope) -> ASGIApp:
        """FastAPI; where it could not be imported, the door around that error, which is answered like any other."""
        try:
            return await asyncio.shield(self._import())
        except Exception as error:  # noqa: BLE001  # whatever an import raises
            scope[_ROUTE] = partial(_fail, error)
            return self._front

    def _import(self) -> asyncio.Task[ASGIApp]:
        """The application on its way."""
        if self._importing is None:
            self._checking = self._checking or asyncio.create_task(self._check())
            self._importing = asyncio.create_task(self._import_in_thread())
        return self._importing

    async def _import_in_thread(self) -> ASGIApp:
        try:
            self._whole = await asyncio.to_thread(self._make_whole)
        except BaseException:
            self._importing = None  # for lack of files or memory, perhaps: whoever asks next begins anew
            raise
        return self._whole

    def _make_whole(self) -> ASGIApp:
        started_s = time.perf_counter()
        app = whole_app(self._settings, self._telemetry)
        log.debug("FastAPI there after %.3f s", time.perf_counter() - started_s)
        return app

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI's lifespan: the parts live as long as the server."""
        await receive()
        reached = "startup"
        try:
            async with self._parts() as state:
                scope["state"].update(state)
                await send({"type": "lifespan.startup.complete"})
                reached = "shutdown"
                await receive()
                if self._quiet:
                    self._quiet.cancel()
                if self._checking:
                    self._checking.cancel()
        except BaseException as error:
            self.failure = error
            # An error of ours says all in its one line, which ends the process.
            ours = reached == "startup" and isinstance(error, LightsleeperError)
            why = "" if ours else traceback.format_exc()
            await send({"type": f"lifespan.{reached}.failed", "message": why})
            raise
        await send({"type": "lifespan.shutdown.complete"})


async def _direct(scope: Scope, receive: Receive, send: Send) -> None:
    """Behind the door: the route that was found before it."""
    await scope[_ROUTE](scope, receive, send)


async def _fail(error: Exception, *_: object) -> None:
    raise error
