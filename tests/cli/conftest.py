"""The command line in this process, for several files of tests."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from stca.cli import main


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs a command that must end with `code`; gives its output, or its errors where the code is not 0."""

    def call(*words: object, code: int = 0) -> str:
        capsys.readouterr()
        assert main([str(word) for word in words]) == code
        output = capsys.readouterr()
        return output.err if code else output.out

    return call
