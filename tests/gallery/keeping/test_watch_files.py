"""What `stca watch` said of somebody: events on disk, taken or not, and files of them."""

import json
from pathlib import Path

import pytest

from kept_gallery import found_in, make_gallery
from stca.gallery import Gallery
from stca.gallery.keeping import forget
from stca.gallery.keeping.places import note_place, places_of
from stca.linking.forgetting import forget_person
from stca.linking.persons import name_person
from stca.watch.events import Event, Outbox
from stca.watch.events.lines import EventFile
from stca.watch.events.outbox import Walking

KEY, OTHER = "cam1/0004", "cam1/0005"
LIKE = {"tracklet": KEY, "camera": "cam1", "last": "2026-01-31T10:00:00.000Z"}


@pytest.fixture
def gallery(tmp_path: Path):
    with make_gallery(tmp_path) as made:
        yield made


def say(outbox: Outbox, receiver: EventFile, *, take: int) -> list[Event]:
    """Events of the key and of another; the first `take` are written to the file."""
    events = [
        Event("seen", 1.0, "cam1", KEY, 1, "Ada", {"new": True}),
        Event("seen", 2.0, "cam1", OTHER, 2, "Ada", {"new": True}),
        Event("same_person_as", 2.0, "cam1", OTHER, 1, None, {"score": 0.9, "like": LIKE}),
        Event("alert", 2.0, "cam1", OTHER, 1, None, {"wanted": KEY, "like": "cam1/0006"}),
        Event("lost", 3.0, "cam1", KEY, 1, "Ada", {"reason": "left"}),
        Event("lost", 4.0, "cam1", OTHER, 2, None, {"reason": "left"}),
        Event("seen", 5.0, "cam1", KEY + "1", 3, None, {"new": True}),
    ]
    outbox.receive(receiver.name)
    stored = outbox.put(events, walking={KEY: Walking(KEY, "cam1", 1, 1.0, 2.0)})
    for each in stored[:take]:
        receiver.take(each)
        outbox.taken(receiver.name, each.number)
    return events


def test_nothing_of_it_is_found(tmp_path: Path, gallery: Gallery) -> None:
    outbox, file = Outbox(tmp_path / "events.sqlite"), EventFile(tmp_path / "logs" / "events.jsonl")
    events = say(outbox, file, take=5)
    pieces = {"key": f'"{KEY}"'.encode(), "like": LIKE["last"].encode()}
    there = {each.split()[-1] for each in found_in(tmp_path, pieces)}
    assert there >= {"events.sqlite-wal", "logs/events.jsonl"}
    would = forget(gallery, [KEY], dry_run=True).watch
    done = forget(gallery, [KEY])
    assert (done.watch.events, done.watch.lines, done.left) == (4, 4, ())
    assert would == done.watch
    assert "4 events, 4 lines of files of events" in str(done)
    assert found_in(tmp_path, pieces) == []
    assert outbox.walking() == []
    kept = [each.body["tracklet"] for each in outbox.latest(99)]
    assert kept == [OTHER, OTHER, KEY + "1"], "and a longer key is another one"
    while (event := outbox.next(file.name)) is not None:
        file.take(event)
        outbox.taken(file.name, event.number)
    file.close()
    lines = [json.loads(line) for line in (tmp_path / "logs" / "events.jsonl").read_text().splitlines()]
    assert [line.get("tracklet") for line in lines] == [None, OTHER, None, None, None, OTHER, KEY + "1"]
    assert all(len(line) == 2 and line["forgotten"] for line in lines if "tracklet" not in line)
    assert len({line["id"] for line in lines}) == len(events), "who keeps ids still tells what came twice"
    again = EventFile(tmp_path / "logs" / "events.jsonl")
    again.take(outbox.latest(1)[0])
    again.close()
    assert len((tmp_path / "logs" / "events.jsonl").read_text().splitlines()) == len(lines)
    outbox.close()


def test_events_that_lie_elsewhere_are_noted_in_the_gallery(tmp_path: Path, gallery: Gallery) -> None:
    place = tmp_path / "watched" / "events.sqlite"
    place.parent.mkdir()
    outbox = Outbox(place)
    outbox.put([Event("seen", 1.0, "cam1", KEY, 1, None, {"new": True})])
    assert places_of(gallery, "events") == []
    for _ in range(2):
        note_place(gallery, "events", place)
    assert places_of(gallery, "events") == [place]
    assert forget(gallery, [KEY]).watch.events == 1
    assert outbox.latest(9) == []
    outbox.close()


def test_the_last_line_of_a_file_is_known_by_its_id_still(tmp_path: Path, gallery: Gallery) -> None:
    outbox, file = Outbox(tmp_path / "events.sqlite"), EventFile(tmp_path / "events.jsonl")
    outbox.receive(file.name)
    (event,) = outbox.put([Event("seen", 1.0, "cam1", KEY, 1, None, {"new": True})])
    file.take(event)
    file.close()
    forget(gallery, [KEY])
    again = EventFile(tmp_path / "events.jsonl")
    again.take(event)
    again.close()
    outbox.close()
    assert len((tmp_path / "events.jsonl").read_text().splitlines()) == 1


def test_a_name_goes_from_the_events_of_others(tmp_path: Path, gallery: Gallery) -> None:
    name_person(gallery, 2, "Ada Lovelace")
    outbox, file = Outbox(tmp_path / "events.sqlite"), EventFile(tmp_path / "events.jsonl")
    outbox.receive(file.name)
    for name in ("Ada Lovelace", "Grace"):
        for event in outbox.put([Event("seen", 1.0, "cam1", "cam1/0099", 2, name, {"new": True})]):
            file.take(event)
    file.close()
    forget_person(gallery, "Ada Lovelace")
    assert found_in(tmp_path, {"name": b"Ada Lovelace"}) == []
    assert [each.body["name"] for each in outbox.latest(9)] == [None, "Grace"]
    outbox.close()


def test_a_file_of_somebody_else_is_not_touched(tmp_path: Path, gallery: Gallery) -> None:
    (tmp_path / "events.sqlite").write_bytes(b"")
    assert forget(gallery, [KEY]).watch.events == 0
    assert (tmp_path / "events.sqlite").read_bytes() == b""
