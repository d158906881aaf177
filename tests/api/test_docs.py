"""The documentation of the API, as far as it needs no browser."""

from fastapi.testclient import TestClient


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
