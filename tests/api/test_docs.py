"""The documentation of the API, as far as it needs no browser."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi.testclient import TestClient

from lightsleeper.serving.app import create_app
from lightsleeper.serving.settings import Settings


def test_the_documentation_is_this_package_and_nothing_inline(client: TestClient) -> None:
    page = client.get("/docs")
    policy = page.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "http" not in policy
    assert page.text.count("<script") == page.text.count('<script src="web/docs/') == 2
    assert "style=" not in page.text
    assert "<style" not in page.text
    for name in ("swagger-ui-bundle.js", "swagger-ui.css", "start.js"):
        assert client.get(f"/web/docs/{name}").status_code == 200
    assert client.get("/redoc").status_code == 404


def test_others_are_answered_while_the_document_is_made_and_it_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    making, may_go_on, made = threading.Event(), threading.Event(), list[str]()
    app = create_app(Settings(root_path="/below"))
    openapi = app.openapi

    def held() -> dict[str, Any]:
        made.append(threading.current_thread().name)
        making.set()
        assert may_go_on.wait(timeout=20)
        return openapi()

    monkeypatch.setattr(app, "openapi", held)
    with TestClient(app) as client, ThreadPoolExecutor() as threads:
        asked = [threads.submit(client.get, "/openapi.json") for _ in range(3)]
        assert making.wait(timeout=20)
        assert client.get("/livez").status_code == 200
        may_go_on.set()
        documents = {each.result().content for each in asked}
    assert len(documents) == len(made) == 1
    assert b'"servers":[{"url":"/below"}]' in documents.pop()


def test_a_document_that_could_not_be_made_is_made_when_it_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    app = create_app(Settings())
    openapi, tries = app.openapi, list[int]()

    def failing_once() -> dict[str, Any]:
        tries.append(1)
        if len(tries) == 1:
            raise MemoryError
        return openapi()

    monkeypatch.setattr(app, "openapi", failing_once)
    with TestClient(app, raise_server_exceptions=False) as client:
        assert client.get("/openapi.json").status_code == 500
        assert client.get("/openapi.json").status_code == 200
