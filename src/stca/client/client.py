"""Every request of the interface below `/api/v1` as a method."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote

import httpx

from stca.client.connection import API
from stca.client.corrections import CorrectionRequests
from stca.client.errors import raise_for_problem
from stca.web import schemas
from stca.web.media.out import WhyOut


class Client(CorrectionRequests):
    """A connection to a server.

    `with Client("http://127.0.0.1:8000") as client: client.search(key="cam1/0003")`

    Args:
        address: of the server, without a path.
        token: from `stca serve --new-token`; None on the server's own machine.
        timeout: seconds without any answer; searches by an upload compute vectors first.
        transport: of httpx, for tests.

    Every method raises ServerError where the server refuses, fails or cannot be reached.
    """

    def __init__(
        self,
        address: str,
        *,
        token: str | None = None,
        timeout: float = 120.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        super().__init__(address, token=token, timeout=timeout, transport=transport)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ---- the gallery ----

    def health(self) -> schemas.Health:
        """Whether the server answers."""
        return self._get(schemas.Health, "/health")

    def gallery(self) -> schemas.GalleryInfo:
        """What the gallery holds."""
        return self._get(schemas.GalleryInfo, "/gallery")

    def cameras(self) -> list[schemas.Camera]:
        """Every camera, by name."""
        return [schemas.Camera.model_validate(each) for each in self._request("GET", "/cameras").json()]

    def metrics(self) -> str:
        """Figures in the text format of Prometheus."""
        return self._request("GET", "/metrics").text

    def tracklets(
        self,
        *,
        cameras: Sequence[str] | None = None,
        persons: Sequence[int] | None = None,
        first: float | None = None,
        last: float | None = None,
        hidden: bool = False,
    ) -> Iterator[schemas.Tracklet]:
        """All tracklets that pass the filters, newest first; pages are asked for as they are needed.

        Args:
            cameras: only these.
            persons: only these.
            first: seen at or after, in seconds.
            last: seen at or before.
            hidden: only hidden ones, instead of those that are not.

        """
        query = _filters(cameras, persons, first, last) | {"hidden": hidden}
        return self._pages(schemas.TrackletPage, "/tracklets", query)

    def tracklet(self, key: str) -> schemas.Tracklet:
        """One tracklet."""
        return self._get(schemas.Tracklet, f"/tracklets/{quote(key)}")

    def remove_tracklet(self, key: str) -> None:
        """Remove a tracklet from the gallery."""
        self._request("DELETE", f"/tracklets/{quote(key)}")

    def thumbnail(self, key: str) -> bytes:
        """A picture of a tracklet, as JPEG."""
        return self._send("GET", f"/media/thumbnail/{quote(key)}").content

    def persons(
        self,
        *,
        cameras: Sequence[str] | None = None,
        first: float | None = None,
        last: float | None = None,
    ) -> Iterator[schemas.Person]:
        """All persons of whom a tracklet passes the filters, newest first."""
        return self._pages(schemas.PersonPage, "/persons", _filters(cameras, None, first, last))

    def person(self, number: int) -> schemas.PersonDetail:
        """A person with every sighting."""
        return self._get(schemas.PersonDetail, f"/persons/{number}")

    # ---- searches ----

    def search(self, **request: Any) -> schemas.SearchResult:
        """The most similar tracklets.

        Args:
            request: entries of `stca.web.schemas.SearchRequest`: one of `key`, `vector`, `upload` and
                `frame`, and for example `k=10`, `cameras=["north"]`.

        """
        return self._post(schemas.SearchResult, "/search", schemas.SearchRequest(**request))

    def why(self, key: str, answer: str | None = None) -> WhyOut:
        """Where the network looked in a tracklet, and how sure its score with an answer is.

        Args:
            key: of the tracklet.
            answer: of another that it is compared with; None: what its own vector is made of.

        """
        asked = {} if answer is None else {"answer": answer}
        return WhyOut.model_validate(self._request("GET", f"/why/{quote(key)}", params=asked).json())

    def saved_searches(self) -> Iterator[schemas.SavedSearch]:
        """Saved searches, newest first."""
        return self._pages(schemas.SavedSearchPage, "/searches", {})

    def saved_search(self, number: int) -> schemas.SavedSearch:
        """One saved search."""
        return self._get(schemas.SavedSearch, f"/searches/{number}")

    def save_search(self, name: str, **request: Any) -> schemas.SavedSearch:
        """Keep a search for a tracklet of the gallery."""
        content = schemas.SavedSearchIn(name=name, request=schemas.SearchRequest(**request))
        return self._post(schemas.SavedSearch, "/searches", content)

    def new_answers(self, number: int) -> schemas.NewAnswers:
        """Answers to a saved search that came since it was last looked through."""
        return self._get(schemas.NewAnswers, f"/searches/{number}/new")

    def mark_seen(self, number: int, row: int) -> None:
        """Note that the answers to a saved search were looked through up to a row, `NewAnswers.row`."""
        self._request("POST", f"/searches/{number}/seen", json={"row": row})

    def remove_saved_search(self, number: int) -> None:
        """Forget a saved search."""
        self._request("DELETE", f"/searches/{number}")

    # ---- uploads and jobs ----

    def upload(self, *files: Path | str) -> schemas.Upload:
        """Upload pictures, a zip of pictures, or a short video, to search for somebody in them."""
        return schemas.Upload.model_validate(self._upload("/uploads", files, {}).json())

    def get_upload(self, upload: str) -> schemas.Upload:
        """An upload, as long as it is kept."""
        return self._get(schemas.Upload, f"/uploads/{quote(upload)}")

    def remove_upload(self, upload: str) -> None:
        """Delete an upload before it is deleted by itself."""
        self._request("DELETE", f"/uploads/{upload}")

    def videos(self) -> list[schemas.Video]:
        """Videos that may be added: those in the folders that the server's owner allowed."""
        return [schemas.Video.model_validate(each) for each in self._request("GET", "/videos").json()]

    def add_videos(
        self, *names: str, camera: str | None = None, start: float | None = None, link: bool = True
    ) -> schemas.Job:
        """Track videos of the server's folders, and add the people to the gallery, as a job.

        Args:
            names: of the videos.
            camera: of the one video; None: its name.
            start: when they began, POSIX seconds; None: unknown.
            link: whether persons are linked at the end.

        """
        content = schemas.JobIn(videos=list(names), camera=camera, start=start, link=link)
        return self._post(schemas.Job, "/jobs", content)

    def add_uploaded_videos(self, *files: Path | str, start: float | None = None) -> schemas.Job:
        """Upload videos, track them, and add the people to the gallery, as a job."""
        fields = {} if start is None else {"start": repr(start)}
        return schemas.Job.model_validate(self._upload("/jobs/upload", files, fields).json())

    def jobs(self) -> Iterator[schemas.Job]:
        """Jobs, newest first."""
        return self._pages(schemas.JobPage, "/jobs", {})

    def job(self, number: int) -> schemas.Job:
        """One job."""
        return self._get(schemas.Job, f"/jobs/{number}")

    def pause_job(self, number: int) -> schemas.Job:
        """Pause a job."""
        return self._change_job(number, "pause")

    def resume_job(self, number: int) -> schemas.Job:
        """Go on with a paused job."""
        return self._change_job(number, "resume")

    def cancel_job(self, number: int) -> schemas.Job:
        """Stop a job for good; what it has added stays."""
        return self._change_job(number, "cancel")

    def _change_job(self, number: int, how: str) -> schemas.Job:
        return schemas.Job.model_validate(self._request("POST", f"/jobs/{number}/{how}").json())

    def _upload(self, path: str, files: Sequence[Path | str], fields: Mapping[str, str]) -> httpx.Response:
        with ExitStack() as stack:
            opened = [(Path(file).name, stack.enter_context(Path(file).open("rb"))) for file in files]
            return self._request("POST", path, files=[("files", each) for each in opened], data=fields)

    # ---- the logs ----

    def live(self, *, events: int = 50) -> schemas.Live:
        """Cameras that are watched, who is in view, and the latest events, at most so many."""
        return self._get(schemas.Live, f"/live?events={events}")

    def audit(self) -> Iterator[dict[str, Any]]:
        """The audit log, newest first; for editors."""
        return self._pages(schemas.AuditPage, "/audit", {})

    def events(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """(name, content) of events `job`, `gallery` and `answer` as they come; the present state first."""
        stream = self._http.stream("GET", f"{API}/events", timeout=None)
        with self._transport_errors(), stream as response:
            if not response.is_success:
                response.read()
            raise_for_problem(response)
            name = ""
            for line in response.iter_lines():
                if line.startswith("event: "):
                    name = line.removeprefix("event: ")
                elif line.startswith("data: "):
                    yield name, json.loads(line.removeprefix("data: "))


def _filters(
    cameras: Sequence[str] | None, persons: Sequence[int] | None, first: float | None, last: float | None
) -> dict[str, Any]:
    given = {"camera": cameras, "person": persons, "from": first, "to": last}
    return {name: value for name, value in given.items() if value is not None}
