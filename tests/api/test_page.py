import re

import pytest
from fastapi.testclient import TestClient

from lightsleeper.api.page import _FOLDER

FILES = sorted(path.relative_to(_FOLDER).as_posix() for path in _FOLDER.rglob("*") if path.is_file())


def test_the_page_is_html_under_a_policy_that_allows_no_inline_code(client: TestClient) -> None:
    answer = client.get("/", headers={"accept": "text/html"})
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_the_page_is_asked_for_again_and_answered_with_304(client: TestClient, name: str) -> None:
    answer = client.get(f"/web/{name}")
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.content == (_FOLDER / name).read_bytes()
    again = client.get(f"/web/{name}", headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get(f"/web/{name}", headers={"if-none-match": '"another"'}).status_code == 200


@pytest.mark.parametrize("name", ["nothing.js", "..%2Fpage.py", "%2e%2e/page.py", "../page.py", ""])
def test_nothing_else_is_served(client: TestClient, name: str) -> None:
    answer = client.get(f"/web/{name}")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "not_found"


@pytest.mark.parametrize("name", FILES)
def test_scripts_have_the_media_type_that_browsers_insist_on(client: TestClient, name: str) -> None:
    media_type = client.get(f"/web/{name}").headers["content-type"]
    assert (
        media_type.partition(";")[0]
        == {
            "js": "text/javascript",
            "css": "text/css",
            "svg": "image/svg+xml",
            "html": "text/html",
            "csv": "text/csv",
        }[name.rpartition(".")[2]]
    )


@pytest.mark.parametrize("name", FILES)
def test_no_address_is_absolute_or_elsewhere_and_no_html_is_parsed(name: str) -> None:
    source = (_FOLDER / name).read_text()
    assert not re.search(r'(src|href)="(/|https?:)', source)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function", source)
    assert len(source.splitlines()) <= 300


def test_who_cannot_show_a_page_gets_a_sign_of_life(client: TestClient) -> None:
    for accept in ("*/*", "application/json", ""):
        answer = client.get("/", headers={"accept": accept})
        assert (answer.status_code, answer.json(), answer.headers["vary"]) == (200, {"status": "alive"}, "accept")
