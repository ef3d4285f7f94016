"""The OpenAPI document: as committed, and as the server answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from made_server import fill_gallery, running
from stca.web.app import schema

ROOT = Path(__file__).parent.parent.parent
PATIENCE = 120
"""Seconds that an answer may take on a busy machine; an upload is decoded by a process of its own."""
schemathesis = pytest.importorskip("schemathesis")
CHECKS = [
    getattr(schemathesis.checks, name, None) or schemathesis.checks.CHECKS.get_one(name)
    for name in (
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
    )
]
"""No failure, and no answer that the document does not allow."""


def test_the_committed_document_is_that_of_the_code() -> None:
    committed = json.loads((ROOT / "docs" / "openapi.json").read_text())
    assert schema() == committed, "stca serve --schema > docs/openapi.json"


def test_every_operation_says_what_errors_look_like() -> None:
    for path, operations in schema()["paths"].items():
        for method, operation in operations.items():
            assert {"4XX", "5XX"} <= set(operation["responses"]), (method, path)
            content = operation["responses"]["4XX"]["content"]
            assert set(content) == {"application/problem+json"}, (method, path)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running(fill_gallery(tmp_path_factory.mktemp("schema") / "gallery")) as (address, _):
        yield address


def call_everything(address: str, examples: int) -> int:
    """Send generated requests to every operation; each answer must be one that the document allows."""
    from hypothesis import HealthCheck, Phase, given, settings

    document = schemathesis.openapi.from_dict(schema())
    count = 0
    for result in document.get_all_operations():
        operation = result.ok()
        if operation.path.endswith("/events"):
            continue  # never ends; tests/web/api/test_events.py
        quiet = settings(
            max_examples=examples,
            derandomize=True,
            deadline=None,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )

        @quiet
        @given(case=operation.as_strategy())
        def check(case: schemathesis.Case) -> None:
            nonlocal count
            count += 1
            response = case.call(base_url=address, timeout=PATIENCE)
            case.validate_response(response, checks=CHECKS)

        check()
    return count


def test_no_generated_request_breaks_the_server(address: str) -> None:
    assert call_everything(address, 4) > 80


@pytest.mark.slow
def test_many_generated_requests_do_not_break_the_server(address: str) -> None:
    assert call_everything(address, 100) > 2000
