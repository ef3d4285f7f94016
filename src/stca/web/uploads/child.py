"""The process that decodes a stranger's files. It gets its task on stdin and answers on stdout, both JSON.

`stca.web.uploads.running` starts it in the folder of the upload. It gives its rights away before it opens a
file.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from pathlib import Path
from typing import Any

from stca.errors import StcaError
from stca.web.uploads.limits import UploadError, UploadLimits
from stca.web.uploads.sandbox import end_with_parent, isolate_network, limit_resources

MOST_NOTES = 20


def main() -> None:
    """Do one task, and answer with a manifest or an error."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints is no answer
    task = json.load(sys.stdin)
    network = isolate_network()  # before the libraries, which may start threads
    end_with_parent(task["parent"])  # after it, since new rights end this
    limits = UploadLimits(**task["limits"])
    answer = {"network": network, **_answer(task, limits)}
    json.dump(answer, answers)
    answers.close()


def _answer(task: dict[str, Any], limits: UploadLimits) -> dict[str, Any]:
    """Everything that goes wrong is an answer too: the files may be made for that."""
    try:
        from stca.web.uploads import contents

        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            files = {name: contents.kind_of(Path(name)) for name in task["files"]}
            for kind in files.values():
                contents.load_libraries(kind)
            limit_resources(limits)
            done = contents.check(files, limits) if task["check"] else contents.Decoding(limits).run(files)
        return {**done, "notes": [str(warning.message)[:300] for warning in caught][:MOST_NOTES]}
    except UploadError as error:
        return _error(error.status, error)
    except StcaError as error:
        return _error(422, error)
    except MemoryError:
        return _error(413, StcaError("Decoding needs too much memory", hint="smaller files"))
    except Exception as error:
        return _error(422, StcaError("A file cannot be decoded", found=type(error).__name__))


def _error(status: int, error: StcaError) -> dict[str, Any]:
    words = {"what": error.what, "expected": error.expected, "found": error.found, "hint": error.hint}
    return {"error": {"status": status, **{k: None if v is None else str(v)[:400] for k, v in words.items()}}}


if __name__ == "__main__":
    main()
