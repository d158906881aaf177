"""The proxies that people put in front of a service, real ones, each as its documentation has it for WebSockets too."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lightsleeper.process import free_port

#: The compiled standard library of Go is its first program's wait: a minute on two busy cores.
BUILD_S = 600
START_S = 60

_HERE = Path(__file__).parent

#: https://nginx.org/en/docs/http/websocket.html, with the connections to upstream kept alive.
_NGINX = """
daemon off; error_log stderr crit; pid {folder}/pid; worker_processes 1;
events {{ }}
http {{
  access_log off; client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
  upstream service {{ server 127.0.0.1:{upstream}; keepalive 8; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://service;
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
    }}
  }}
}}
"""

_HAPROXY = """
defaults
  mode http
  timeout connect 10s
  timeout client 60s
  timeout server 60s
  http-reuse always
frontend door
  bind 127.0.0.1:{port}
  default_backend service
backend service
  server service 127.0.0.1:{upstream}
"""


def _envoy(port: int, upstream: int) -> dict[str, object]:
    """https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/http/upgrades"""

    def address(number: int) -> dict[str, object]:
        return {"socket_address": {"address": "127.0.0.1", "port_value": number}}

    extensions = "type.googleapis.com/envoy.extensions.filters"
    manager = {
        "@type": f"{extensions}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "door",
        "upgrade_configs": [{"upgrade_type": "websocket"}],
        "http_filters": [
            {"name": "router", "typed_config": {"@type": f"{extensions}.http.router.v3.Router"}},
        ],
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "service", "timeout": "60s"}}],
                }
            ]
        },
    }
    endpoint = {"lb_endpoints": [{"endpoint": {"address": address(upstream)}}]}
    return {
        "static_resources": {
            "listeners": [
                {
                    "name": "door",
                    "address": address(port),
                    "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
                }
            ],
            "clusters": [
                {
                    "name": "service",
                    "type": "STATIC",
                    "load_assignment": {"cluster_name": "service", "endpoints": [endpoint]},
                }
            ],
        }
    }


def _go(folder: Path, port: int, upstream: int) -> list[str]:
    program = folder / "reverse_proxy"
    environment = {**os.environ, "GOCACHE": str(folder / "cache"), "GOPATH": str(folder), "GOFLAGS": "-mod=mod"}
    command = [_script("go"), "build", "-o", str(program), str(_HERE / "reverse_proxy.go")]
    subprocess.run(command, env=environment, check=True, timeout=BUILD_S)
    return [str(program), f"127.0.0.1:{port}", f"http://127.0.0.1:{upstream}"]


def _nginx(folder: Path, port: int, upstream: int) -> list[str]:
    configuration = folder / "nginx.conf"
    configuration.write_text(_NGINX.format(folder=folder, port=port, upstream=upstream))
    return [_program("nginx"), "-p", str(folder), "-e", "stderr", "-c", str(configuration)]


def _haproxy(folder: Path, port: int, upstream: int) -> list[str]:
    configuration = folder / "haproxy.cfg"
    configuration.write_text(_HAPROXY.format(port=port, upstream=upstream))
    return [_program("haproxy"), "-f", str(configuration)]


def _envoy_command(folder: Path, port: int, upstream: int) -> list[str]:
    configuration = folder / "envoy.json"
    configuration.write_text(json.dumps(_envoy(port, upstream)))
    options = ["--concurrency", "1", "--use-dynamic-base-id", "--log-level", "error"]
    return [_script("envoy"), "-c", str(configuration), *options]


PROXIES: dict[str, Callable[[Path, int, int], list[str]]] = {
    "Go's ReverseProxy": _go,
    "nginx": _nginx,
    "HAProxy": _haproxy,
    "Envoy": _envoy_command,
}


@contextlib.contextmanager
def proxied(name: str, upstream: int, folder: Path) -> Iterator[int]:
    """The port on which proxy `name` serves what listens on port `upstream`."""
    port = free_port()
    process = subprocess.Popen(PROXIES[name](folder, port, upstream))
    try:
        _wait_for(port, process)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=START_S)


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(START_S * 10):
        assert process.poll() is None, "the proxy did not start"
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.1)
    pytest.fail("the proxy does not listen")


def _script(name: str) -> str:
    """Of a package of the group `door`."""
    found = Path(sysconfig.get_path("scripts")) / name
    assert found.exists(), f"{name} is missing: make test-door installs it"
    return str(found)


def _program(name: str) -> str:
    """Of a Debian package; what root runs may be off the PATH."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    assert found, f"{name} is missing; on Debian: apt-get install {name}"
    return found
