"""The outbox, files, and the schema of events."""

import errno
import io
import json
import threading
from pathlib import Path

import pytest

from stca.errors import StcaError
from stca.watch.events import KINDS, Event, Outbox
from stca.watch.events.delivery import Delivery, NotTakenError
from stca.watch.events.lines import EventFile
from stca.watch.events.outbox import StoredEvent, Walking
from stca.watch.events.schema import event_schema, schema_text

ROOT = Path(__file__).parents[2]
MORE = {
    "seen": {"new": True},
    "lost": {"since": "2026-01-01T00:00:00.000Z", "reason": "left"},
    "same_person_as": {
        "score": 0.8,
        "threshold": 0.7,
        "like": {"tracklet": "yard/0001", "camera": "yard", "last": "2026-01-01T00:00:00.000Z"},
    },
    "revised": {"before": 3, "reason": "merged", "score": None, "into": None},
    "alert": {
        "wanted": "3",
        "like": "yard/0001",
        "score": 0.8,
        "threshold": 0.7,
        "false_accept_rate": 0.01,
        "calibrated": "labels",
    },
}


def event(kind: str = "seen", person: int | None = 3) -> Event:
    return Event(kind, 1.7e9, "door", "door/0001", person, None, MORE[kind])  # type: ignore[arg-type]


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox(tmp_path / "events.sqlite", clock=lambda: 1.7e9 + 1)


def test_the_committed_schema_is_the_one_in_use() -> None:
    assert (ROOT / "docs" / "events.schema.json").read_text() == schema_text()


@pytest.mark.parametrize("kind", KINDS)
def test_events_follow_the_schema(outbox: Outbox, kind: str) -> None:
    validator = pytest.importorskip("jsonschema").Draft202012Validator
    validator.check_schema(event_schema())
    check = validator(event_schema())
    body = outbox.put([event(kind)])[0].body
    check.validate(body)
    for name in body:
        assert not check.is_valid({key: value for key, value in body.items() if key != name}), name
    assert not check.is_valid({**body, "other": 1})
    assert not check.is_valid({**body, "version": 2})
    assert check.is_valid({**body, "person": None}) == (kind == "revised")


def test_ids_go_on_after_a_restart(outbox: Outbox, tmp_path: Path) -> None:
    first = outbox.put([event(), event()])
    outbox.close()
    again = Outbox(tmp_path / "events.sqlite").put([event()])
    ids = [each.body["id"] for each in first + again]
    assert [each.rpartition("-")[2] for each in ids] == ["1", "2", "3"]
    assert len({each.rpartition("-")[0] for each in ids}) == 1


def test_what_nobody_took_is_kept_and_a_new_receiver_begins_now(outbox: Outbox, tmp_path: Path) -> None:
    outbox.receive("a")
    outbox.put([event(), event(), event()])
    outbox.receive("b")
    outbox.taken("a", 1)
    outbox.close()
    again = Outbox(tmp_path / "events.sqlite")
    assert (again.waiting("a"), again.waiting("b")) == (2, 0)
    assert again.next("a").number == 2
    assert again.next("b") is None
    assert again.keep_receivers(["b"]) == ["a"]
    assert [each.number for each in again.latest(2)] == [2, 3]


def test_events_and_what_walks_are_one_commit(outbox: Outbox) -> None:
    walking = Walking("door/0001", "door", 3, 1.0, 2.0)
    outbox.put([event()], walking={"door/0001": walking})
    assert outbox.walking() == [walking]
    broken = Event("seen", 1.7e9, "door", "door/0001", 3, None, {"new": object()})
    with pytest.raises(TypeError, match="serializable"):
        outbox.put([event(), broken], walking={"door/0001": None})
    assert outbox.walking() == [walking]
    assert len(outbox.latest(9)) == 1
    outbox.put([], walking={"door/0001": None})
    assert outbox.walking() == []


def test_what_is_no_outbox(tmp_path: Path) -> None:
    (tmp_path / "events.sqlite").write_text("something else, and long enough to be no database header" * 50)
    with pytest.raises(StcaError, match="file of events"):
        Outbox(tmp_path / "events.sqlite")


def test_a_full_disk_is_one_error_and_leaves_everything_as_it_was(outbox: Outbox) -> None:
    walking = Walking("door/0001", "door", 3, 1.0, 2.0)
    outbox.receive("a")
    outbox.put([event()], walking={"door/0001": walking})
    ((pages,),) = outbox._db.execute("PRAGMA page_count")
    outbox._db.execute(f"PRAGMA max_page_count = {pages}")
    before = 1

    def fill() -> None:
        nonlocal before
        for _ in range(1000):
            outbox.put([event() for _ in range(10)])
            before += 10

    with pytest.raises(StcaError, match="disk is full") as caught:
        fill()
    assert caught.value.hint is not None
    with pytest.raises(StcaError, match="disk is full"):
        outbox.show_cameras({f"camera {number}": {"state": "x" * 5000} for number in range(9)})
    assert outbox.waiting("a") == before
    assert outbox.walking() == [walking]
    outbox._db.execute("PRAGMA max_page_count = 100000")
    assert outbox.put([event()])[0].number == before + 1, "there is room again"


def test_a_file_on_a_full_disk_gets_every_event_once(
    outbox: Outbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "events.jsonl"
    stored = outbox.put([event(), event()])
    file = EventFile(path)
    file.take(stored[0])

    def full(number: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", full)
        with pytest.raises(NotTakenError, match="No space left"):
            file.take(stored[1])
    file.take(stored[1])
    file.close()
    assert path.read_text() == "".join(f"{each.text}\n" for each in stored)


def test_half_a_line_that_cannot_be_taken_back_is_cut_off_later(
    outbox: Outbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(io.FileIO):
        broken = True

        def write(self, line: bytes) -> int:  # type: ignore[override]
            return super().write(line[:20] if self.broken else line)

        def truncate(self, size: int | None = None) -> int:
            if self.broken:
                raise OSError(errno.EIO, "Input/output error")
            return super().truncate(size)

    path = tmp_path / "events.jsonl"
    stored = outbox.put([event(), event()])
    file = EventFile(path)
    file.take(stored[0])
    monkeypatch.setattr(file, "_file", Broken(path, "ab+"))
    with pytest.raises(NotTakenError, match="No space left"):
        file.take(stored[1])
    assert path.read_text() == f"{stored[0].text}\n{stored[1].text[:20]}"
    monkeypatch.setattr(Broken, "broken", False)
    file.take(stored[1])
    file.take(stored[1])
    assert path.read_text() == "".join(f"{each.text}\n" for each in stored)


class Moody:
    """Takes every third try."""

    name = "moody"

    def __init__(self) -> None:
        self.tries, self.taken = 0, list[int]()
        self.all = threading.Event()

    def take(self, stored: StoredEvent) -> None:
        self.tries += 1
        if self.tries % 3:
            raise NotTakenError("not now")
        self.taken.append(stored.number)
        if len(self.taken) == 5:
            self.all.set()

    def close(self) -> None:
        pass


def test_it_is_sent_again_in_order_until_it_is_taken(outbox: Outbox) -> None:
    moody, said = Moody(), list[str]()
    delivery = Delivery(outbox, moody, first_wait=0.001, longest_wait=0.002, say=said.append)
    outbox.put([event() for _ in range(5)])
    assert moody.all.wait(10)
    assert delivery.close() == 0
    assert moody.taken == [1, 2, 3, 4, 5]
    assert moody.tries == 15
    assert said[:2] == [
        "moody: does not take events (not now); they are kept and sent again",
        "moody: takes events again",
    ]


def test_a_file_has_every_event_once_whenever_the_process_was_killed(outbox: Outbox, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    stored = outbox.put([event(), event(), event()])
    file = EventFile(path)
    file.take(stored[0])
    file.take(stored[1])
    file.close()  # killed before the outbox knew of the second, and in the middle of the third
    with path.open("ab") as damaged:
        damaged.write(stored[2].text[:20].encode())
    again = EventFile(path)
    again.take(stored[1])
    again.take(stored[2])
    again.close()
    assert [json.loads(line)["id"] for line in path.read_text().splitlines()] == [
        e.body["id"] for e in stored
    ]
