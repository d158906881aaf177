import hashlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lightsleeper.errors import ConfigurationError
from lightsleeper.serving.settings import Settings, read_settings

SECRET = "hunter2"


def digest_of(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("REDIS_URL", f"http://:{SECRET}@host"),
        ("REDIS_URL", f"redis://:{SECRET}@host:port"),
        ("REDIS_URL", f"redis+sentinel://:{SECRET}@host"),
        ("REDIS_URL", f"redis://:{SECRET}@[::1"),
        ("REDIS_URL", f"redis://:[{SECRET}]@host"),
        ("REDIS_URL", f"redis://:[{SECRET}@host"),
        ("REDIS_URL", f"redis://:x]{SECRET}[@host"),
        ("REDIS_URL", f"unix://:[{SECRET}]@/run/redis.sock"),
        ("REDIS_URL", f"redis+cluster://:[{SECRET}]@host,other"),
        ("REDIS_URL", f"redis://:\u2100{SECRET}@host"),
        ("REDIS_URL", f"redis://:x#{SECRET}@host"),
        ("REDIS_URL", f"redis://user:12?{SECRET}@host"),
        ("REDIS_URL", f"redis://host?foo={SECRET}"),
        ("REDIS_URL", f"redis://host?{SECRET}"),
        ("REDIS_URL", f"redis://host?password={SECRET}"),
        ("REDIS_URL", "redis://host?socket_timeout=9"),
        ("REDIS_URL", "redis://host?ssl_cert_reqs=none"),
        ("REDIS_URL", "redis://host?db=1"),
        ("REDIS_URL", "rediss://host?ssl_cert_reqs=perhaps"),
        ("REDIS_URL", "rediss://host?ssl_cert_reqs=none&ssl_cert_reqs=required"),
        ("REDIS_URL", f"rediss://host?ssl_ca_certs=/nowhere/{SECRET}"),
        ("REDIS_URL", "unix:///run/redis.sock?db=x"),
        ("REDIS_URL", f"rediss://host?sentinel_password={SECRET}"),
        ("REDIS_TIMEOUT_MS", "0"),
        ("REDIS_TIMEOUT_MS", "5001"),
        ("REDIS_TIMEOUT_MS", "50.5"),
        *(
            ("HOST", host)
            for host in ("a..b", ".a", f"{70 * 'a'}.b", f"a.{64 * 'b'}", 64 * "ü", "a\nb", " ", "a\u2028b")
        ),
        ("MAX_QUEUE_S", "0"),
        ("MAX_QUEUE_S", "nan"),
        ("MAX_QUEUE_S", "1e999"),
        ("TRACE_RATIO", "1.01"),
        ("TRACE_RATIO", "-0.1"),
        ("MAX_TEXTS", "9" * 5_000),
        ("MAX_TEXTS", "٣"),
        ("ACCESS_LOG", "perhaps"),
        ("ENGINE", "ONNX"),
        ("MODEL_NAME", "a model"),
        ("REDIS_TTL_S", "-1"),
        ("RATE_LIMIT_TEXTS", "-5"),
        ("RATE_LIMIT_TEXTS", "10"),
        ("RATE_LIMIT_WINDOW_S", "soon"),
        ("API_KEY_DIGESTS", SECRET),
        ("API_KEY_DIGESTS", ""),
        ("API_KEY_DIGESTS", " , "),
        *(
            ("API_KEY_DIGESTS", nothing)
            for nothing in ("\u00a0", "\x0b", ",\u3000,", "\x1c", "\u2028,\x85", ",", "\ufeff")
        ),
        *(("API_KEY_DIGESTS", f"{'ab' * 32},{digest_of(blank)}") for blank in ("", " ", "\n", "\r\n", "\t", "   ")),
        ("API_KEY_DIGESTS", digest_of("").upper()),
        ("CACHE_SECRET", ""),
        ("CACHE_SECRET", " "),
        *(("CACHE_SECRET", 64 * blank) for blank in ("\u00a0", "\x0b", "\u3000", ",")),
        ("CACHE_SECRET", SECRET),
        ("CACHE_SECRET", 64 * "0"),
        ("TRUSTED_PROXIES", "*"),
        ("TRUSTED_PROXIES", "10.0.0.1/8"),
        ("MAX_TEXTS", "-1"),
        ("MAX_BODY_BYTES", "many"),
        ("MAX_BODY_BYTES", "100000000"),
        ("MAX_INFLIGHT_BODY_BYTES", "100000"),
        ("MAX_INFLIGHT_BODY_BYTES", "1999999"),
        ("NO_SUCH_THING", "1"),
        ("PORT", "9090"),
        ("CORS_ORIGINS", "example.com"),
        ("CORS_ORIGINS", "https://example.com/app"),
        *(
            ("CORS_ORIGINS", origin)
            for origin in (
                *("https://*.example.com", "https://EXAMPLE.com", "https://example.com:443", "http://example.com:80"),
                *("https://example.com:08443", "https://example.com:0", "https://example.com:65536", "https://a?b"),
                *("https://example.com/", "https://bücher.example", "https://user@example.com", "https://[::1", "null"),
                *("https://a.example,https://B.example", "https://[0:0:0:0:0:0:0:1]", "https://a..b", "https://\udcff"),
            )
        ),
        *(
            ("ROOT_PATH", path)
            for path in (
                *(
                    "sentiment",
                    "/sentiment/",
                    "/",
                    "//evil.com",
                    "/a//b",
                    "/a\n",
                    "/a b",
                    "/a?b",
                    "/a#b",
                    "/ü",
                    "/\udcff",
                ),
                *("/a%20b", "/../x", "/a/.", '/a"b', "/a\\b", "https://example.com/a"),
            )
        ),
        ("CACHE_SECRET", "".join(map(chr, range(0xDC80, 0xDCC0)))),
        ("REDIS_URL", f"redis://:{SECRET}\udcff@host"),
        ("WORKERS", "1025"),
        ("WORKERS", "3000000"),
        ("REDIS_TTL_S", f"{10**16}"),
        ("REDIS_TTL_S", f"{10**9 + 1}"),
        ("RATE_LIMIT_WINDOW_S", f"{10**17}"),
        ("RATE_LIMIT_WINDOW_S", "31536001"),
        *(("EVENT_TYPE", kind) for kind in ("\udcff", " ", "a ", "a\nb", "x" * 201, "\u2028")),
        *(("WEBHOOK_ORIGINS", sender) for sender in ("\udcff", "*.azure.net", "a b", "ü.example", "a\x7fb")),
        ("TRACE_RATIO", "0.5"),
        *(("MAX_QUEUE_S", seconds) for seconds in ("1_0", "\u0661", "0x1", "1,5", "inf")),
        *(
            ("HOST", host)
            for host in ("localhost:8080", "[::1]", "127.0.0.1,::1", "10.0.0.0/8", "http://a", "a b", ".")
        ),
        ("METRICS_PORT", "8080"),
        ("MAX_HEAD_BYTES", "1"),
        ("MAX_HEAD_BYTES", "1023"),
        ("MAX_BODY_BYTES", "1"),
        *(
            (f"{what}_S", seconds)
            for what in ("REQUEST_TIMEOUT", "MAX_QUEUE", "HEAD_TIMEOUT", "DRAIN_TIMEOUT", "EXPORT_INTERVAL")
            for seconds in ("1e-300", "1e-9", "0.0009", "3600.1")
        ),
    ],
)
def test_a_setting_that_cannot_be_right_is_named_and_its_value_is_not(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(f"LIGHTSLEEPER_{variable}", value)
    with pytest.raises(ConfigurationError) as refusal:
        read_settings()
    assert f"LIGHTSLEEPER_{variable}" in refusal.value.message
    assert SECRET not in refusal.value.message
    assert "\n" not in refusal.value.message


@pytest.mark.parametrize(
    "url",
    [
        *(
            "http://[::1",
            "http://h:99999",
            "http://h:0",
            "http://h\n",
            "http://",
            "http://h i",
            "http://ü",
            "http://\udcff",
        ),
        *("h:4318", "grpc://h:4317", "http://h?x=1", "http://h#x"),
    ],
)
def test_a_collector_that_cannot_be_there_is_refused(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
    with pytest.raises(ConfigurationError, match=r"^OTEL_EXPORTER_OTLP_ENDPOINT: must be "):
        read_settings()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("LIGHTSLEEPER_ROOT_PATH", "/sentiment/v1"),
        ("LIGHTSLEEPER_ROOT_PATH", "/~me/.well-known/a:b@c"),
        ("LIGHTSLEEPER_EVENT_TYPE", "de.größe.v1"),
        ("LIGHTSLEEPER_BUNDLE", "/models/\udcff"),
        ("LIGHTSLEEPER_DRAIN_TIMEOUT_S", "0.4"),
        ("LIGHTSLEEPER_WORKERS", "1024"),
        *(
            ("OTEL_EXPORTER_OTLP_ENDPOINT", url)
            for url in ("http://[::1]:4318", "https://user:pass@collector.observability.svc/otlp/", "http://h:65535")
        ),
    ],
)
def test_a_setting_that_can_be_right_is_taken(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    monkeypatch.setenv(variable, value)
    read_settings()


@pytest.mark.parametrize(
    ("origin", "spelled"),
    [
        ("https://EXAMPLE.com:443", "https://example.com"),
        ("http://example.com:080", "http://example.com"),
        ("https://example.com:08443", "https://example.com:8443"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("https://[0:0:0:0:0:0:0:1]:8443", "https://[::1]:8443"),
    ],
)
def test_an_origin_that_no_browser_spells_so_is_told_how_they_do(
    monkeypatch: pytest.MonkeyPatch, origin: str, spelled: str
) -> None:
    monkeypatch.setenv("LIGHTSLEEPER_CORS_ORIGINS", origin)
    with pytest.raises(ConfigurationError, match=rf"as browsers send it: {re.escape(spelled)}$"):
        read_settings()
    monkeypatch.setenv("LIGHTSLEEPER_CORS_ORIGINS", f"{spelled}, chrome-extension://abcdefgh, *")
    assert read_settings().cors_origins == (spelled, "chrome-extension://abcdefgh", "*")


def test_two_ports_are_two(monkeypatch: pytest.MonkeyPatch) -> None:
    for port, page in [("9464", "9464"), ("0", "0")]:
        monkeypatch.setenv("PORT", port)
        monkeypatch.setenv("LIGHTSLEEPER_METRICS_PORT", page)
        if port == "0":
            assert read_settings().metrics_port == 0  # each takes one that is free
        else:
            with pytest.raises(ConfigurationError, match="LIGHTSLEEPER_METRICS_PORT: the same as PORT"):
                read_settings()


def test_a_wrong_setting_ends_the_process_with_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIGHTSLEEPER_REDIS_URL", f"redsi://:{SECRET}@host")
    ended = subprocess.run([sys.executable, "-m", "lightsleeper", "serve"], capture_output=True, text=True, check=False)
    assert ended.returncode != 0
    assert ended.stderr.startswith("lightsleeper: LIGHTSLEEPER_REDIS_URL: the scheme must be")
    assert (ended.stdout + ended.stderr).count("\n") == 1


def test_a_bundle_that_is_none_ends_the_process_with_one_line_that_names_the_setting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LIGHTSLEEPER_BUNDLE", "/no/such\nbundle")
    ended = subprocess.run([sys.executable, "-m", "lightsleeper", "serve"], capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.startswith("lightsleeper: LIGHTSLEEPER_BUNDLE: bundle /no/such bundle: cannot read bundle.json")
    assert (ended.stdout + ended.stderr).count("\n") == 1


def test_what_kubernetes_injects_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"PORT": "tcp://10.0.0.1:80", "SERVICE_PORT": "80", "PRIVATE_PORT_80_TCP": "tcp://x"}.items():
        monkeypatch.setenv(f"LIGHTSLEEPER_{name}", value)
    read_settings()


def test_a_value_is_of_its_setting_s_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"MAX_TEXTS": " 5\n", "MAX_QUEUE_S": "0.5", "ACCESS_LOG": "True", "BUNDLE": "/models/mine"}
    for name, value in values.items():
        monkeypatch.setenv(f"LIGHTSLEEPER_{name}", value)
    monkeypatch.setenv("PORT", "0")
    settings = read_settings()
    assert (settings.port, settings.max_texts, settings.max_queue_s) == (0, 5, 0.5)
    assert settings.access_log is True
    assert settings.bundle == Path("/models/mine")


def test_an_empty_variable_is_an_unset_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MAX_TEXTS", "REDIS_URL", "TRUSTED_PROXIES", "LOG_LEVEL"):
        monkeypatch.setenv(f"LIGHTSLEEPER_{name}", "")
    assert read_settings() == Settings()


def test_secrets_are_not_shown() -> None:
    assert SECRET not in repr(Settings(redis_url=f"redis://:{SECRET}@host", cache_secret=SECRET))


@pytest.mark.parametrize("host", ["::", "::1", "fe80::1%eth0", "127.0.0.1", "localhost", "a.b.", "bücher.example"])
def test_a_host_is_an_address_or_a_name(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("LIGHTSLEEPER_HOST", host)
    assert read_settings().host == host


def test_lists_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIGHTSLEEPER_TRUSTED_PROXIES", "127.0.0.1, 10.0.0.0/8,")
    monkeypatch.setenv("LIGHTSLEEPER_API_KEY_DIGESTS", f"{'ab' * 32},{'CD' * 32}")
    settings = read_settings()
    assert settings.trusted_proxies == ("127.0.0.1", "10.0.0.0/8")
    assert len(settings.api_key_digests) == 2


def test_what_is_switched_off_is_not_imported() -> None:
    """redis-py takes 0.13 s of CPU to import, `limits` 0.06: a service without them wakes without them."""
    script = "import sys, lightsleeper.serving.app; print(sorted({'redis', 'limits'} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", script], text=True).strip() == "[]"
