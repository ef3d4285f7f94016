import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stca.cli import main
from stca.errors import ConfigError
from stca.gallery.embedded import EXACT_VALUES
from stca.scale.planning import measure as module
from stca.scale.planning.costs import SHIPPED, GalleryCost, TrackingCost, UnitCosts
from stca.scale.planning.measure import likeness, measure
from stca.scale.planning.plan import Workload, at_size, bytes_at_size, plan, table

COSTS = UnitCosts(
    machine="a processor",
    cores=4,
    footage="two videos",
    frame_rate=12.5,
    tracklets_per_hour=100.0,
    crop_bytes=50_000.0,
    model="net",
    dim=512,
    embed_core_seconds=0.5,
    tracking=(TrackingCost("motion", 1800.0, 0.1), TrackingCost("yolox_nano", 7200.0, 0.1)),
    gallery=(
        GalleryCost(10_000, 10.0, 1.0, 2.0, 1.0, 30_000_000, 25_000_000),
        GalleryCost(100_000, 100.0, 40.0, 4.0, 0.99, 300_000_000, 250_000_000),
    ),
)


def test_figures_are_products_of_unit_costs() -> None:
    found = {each.name: each for each in plan(Workload(cameras=10, days=10, hours=12), COSTS)}
    video, daily, rows = 10 * 12, 10 * 12 * 100, 10 * 12 * 100 * 10
    assert found["video a day"].value == video
    assert found["tracklets a day"].value == daily
    assert found["tracking a day"].value == video * 1800 / 3600
    assert found["embedding a day"].value == pytest.approx(daily * 0.5 / 3600)
    assert found["vectors"].value == rows
    assert found["vectors alone"].value == pytest.approx(rows * 512 * 4 / 1e9)
    assert found["crops on disk"].value == pytest.approx(rows * 50_000 / 1e9)
    assert found["machines, track and embed"].value == -(-(60 + daily * 0.5 / 3600) // (24 * 4 * 0.7))
    assert found["gallery on disk"].value == pytest.approx(rows * 3000 / 1e9)
    assert found["gallery on disk"].value >= found["vectors alone"].value
    assert all(each.formula for each in found.values())
    other = {e.name: e for e in plan(Workload(cameras=10, days=10, hours=12, detector="yolox_nano"), COSTS)}
    assert other["tracking a day"].value == 4 * found["tracking a day"].value


def test_every_figure_says_all_that_it_rests_on() -> None:
    work = Workload(cameras=10, days=10)
    bases = {each.name: each.basis for each in plan(work, COSTS)}
    assert bases == {
        "video a day": "told",
        "tracklets a day": "sampled",
        "tracking a day": "measured",
        "embedding a day": "sampled",
        "vectors": "sampled",
        "vectors alone": "sampled",
        "crops on disk": "sampled",
        "gallery on disk": "sampled, extrapolated",
        "gallery in memory": "sampled, extrapolated",
        "adding all": "sampled, extrapolated",
        "building the index": "sampled, extrapolated",
        "one search": "sampled, extrapolated",
        "machines, track and embed": "sampled, assumed",
        "machines, gallery": "sampled, extrapolated, assumed",
        "network, cameras in": "assumed",
        "network, crops on": "sampled",
    }
    told = {each.name: each.basis for each in plan(replace(work, tracklets_per_hour=50.0), COSTS)}
    assert told == {name: basis.replace("sampled", "told") for name, basis in bases.items()}


def test_the_table_says_how_much_footage_was_measured_and_that_it_is_little() -> None:
    assert "10 tracklets in 360 s of footage: few" in table(Workload(cameras=1, days=1), COSTS)
    hours = replace(COSTS, tracking=(TrackingCost("motion", 1800.0, 3.0),))
    assert "300 tracklets in 3 h of footage\n" in table(Workload(cameras=1, days=1), hours)


@pytest.mark.parametrize(
    ("rows", "value", "basis"),
    [
        (10, 60.0, "measured"),
        (20, 110.0, "interpolated"),
        (30, 160.0, "measured"),
        (1030, 160.0 + 1000 * 5, "extrapolated"),
        (5, 35.0, "extrapolated"),
    ],
)
def test_bytes_grow_on_a_straight_line(rows: float, value: float, basis: str) -> None:
    found, _, how = bytes_at_size(rows, [(10, 60), (30, 160)], dim=1)
    assert (found, how) == (value, basis)


def test_the_formula_of_bytes_without_a_constant_part_says_0() -> None:
    assert bytes_at_size(7.29e8, [(10_000, 10_240_000), (100_000, 108_843_008)], 256)[1].startswith("0 MB + ")


@settings(max_examples=50, deadline=None)
@given(
    rows=st.floats(1, 1e10),
    dim=st.integers(1, 2048),
    sizes=st.tuples(st.integers(1, 10**6), st.integers(1, 10**6)),
    more=st.tuples(st.integers(0, 10**9), st.integers(0, 10**9)),
)
def test_a_gallery_never_takes_less_than_its_vectors(
    rows: float, dim: int, sizes: tuple[int, int], more: tuple[int, int]
) -> None:
    low, high = sizes[0], sizes[0] + sizes[1]
    points = [(size, 4 * dim * size + extra) for size, extra in zip((low, high), more, strict=True)]
    assert bytes_at_size(rows, points, dim)[0] >= 4 * dim * rows * (1 - 1e-9)


def test_the_shipped_costs_give_figures_that_can_be() -> None:
    """The README's command: disk and memory of at least the vectors, and not a multiple of them."""
    found = {each.name: each for each in plan(Workload(cameras=1000, days=30), UnitCosts.load(SHIPPED))}
    vectors = found["vectors alone"].value
    assert vectors <= found["gallery on disk"].value < 3 * vectors
    assert vectors <= found["gallery in memory"].value < 3 * vectors
    assert found["machines, gallery"].value == -(-found["gallery in memory"].value // 32)
    assert "half of 64 GB" in found["machines, gallery"].formula


@pytest.mark.parametrize(
    ("rows", "value", "basis"),
    [
        (10, 10.0, "measured"),
        (1000, 1000.0, "measured"),
        (100, 100.0, "interpolated"),
        (10_000, 10_000.0, "extrapolated"),
        (1, 1.0, "extrapolated"),
    ],
)
def test_costs_grow_on_a_straight_line_of_logarithms(rows: float, value: float, basis: str) -> None:
    found, formula, how = at_size(rows, [(10, 10.0), (1000, 1000.0)])
    assert found == pytest.approx(value)
    assert how == basis
    assert formula


def test_a_cost_that_falls_is_no_measure_of_growth() -> None:
    """An approximate index makes the search of 100,000 cheaper than of 10,000; 10^8 is not for nothing."""
    assert at_size(1e8, [(10_000, 8.0), (100_000, 2.0)])[0] == pytest.approx(2000)
    assert at_size(1e8, [(10_000, 1.0), (100_000, 1000.0)])[0] == 1_000_000


def test_the_table_says_what_is_extrapolated_and_where_the_curve_bends() -> None:
    text = table(Workload(cameras=1000, days=30), COSTS)
    assert "a processor" in text
    assert "100,000,000" in text
    assert text.count("extrapolated: measure first") == 2
    assert f"{EXACT_VALUES // 512:,}" in text


def test_costs_come_back_from_their_file(tmp_path: Path) -> None:
    odd = replace(COSTS, machine='a "quoted" \\ name')
    odd.save(tmp_path / "plan.toml")
    assert UnitCosts.load(tmp_path / "plan.toml") == odd
    assert UnitCosts.load(SHIPPED).gallery


@pytest.mark.parametrize(
    "damage",
    ["", "x = ", "cores = 'two'", "machine = 1\n[[gallery]]\nrows = 1"],
    ids=["empty", "toml", "type", "part"],
)
def test_another_file_is_one_error(tmp_path: Path, damage: str, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "plan.toml").write_text(damage)
    assert main(["plan", "--cameras", "3", "--measured", str(tmp_path / "plan.toml")]) == 1
    assert "stca plan --measure" in capsys.readouterr().err


def test_numbers_that_cannot_be_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    COSTS.save(tmp_path / "plan.toml")
    text = (tmp_path / "plan.toml").read_text()
    (tmp_path / "bad.toml").write_text(text.replace("embed_core_seconds = 0.5", "embed_core_seconds = -1.0"))
    with pytest.raises(ConfigError, match="a number from 0"):
        UnitCosts.load(tmp_path / "bad.toml")
    for name in ("disk", "memory"):
        small = replace(COSTS.gallery[0], **{f"{name}_bytes": 4 * 512 * 10_000 - 1})
        replace(COSTS, gallery=(small, COSTS.gallery[1])).save(tmp_path / "bad.toml")
        with pytest.raises(ConfigError, match="less than its vectors"):
            UnitCosts.load(tmp_path / "bad.toml")
    for wrong in ("inf", "nan", "1e300"):
        (tmp_path / "bad.toml").write_text(
            text.replace("embed_core_seconds = 0.5", f"embed_core_seconds = {wrong}")
        )
        with pytest.raises(ConfigError, match="a number from 0"):
            UnitCosts.load(tmp_path / "bad.toml")
    for wrong in ("0", "1.5", "inf"):
        (tmp_path / "bad.toml").write_text(re.sub(r"(?m)^dim = .*$", f"dim = {wrong}", text))
        with pytest.raises(ConfigError):
            UnitCosts.load(tmp_path / "bad.toml")
    for wrong in ("nan", "inf", "1e300"):
        for name in ("--days", "--hours", "--tracklets-per-hour"):
            assert main(["plan", "--cameras", "3", name, wrong]) == 1
    for options in (["--days", "0"], ["--hours", "25"], ["--detector", "none"]):
        assert main(["plan", "--cameras", "3", "--measured", str(tmp_path / "plan.toml"), *options]) == 1
    assert main(["plan"]) == 1
    assert "--cameras" in capsys.readouterr().err


def test_texts_and_recalls_that_cannot_be_are_refused(tmp_path: Path) -> None:
    COSTS.save(tmp_path / "plan.toml")
    text = (tmp_path / "plan.toml").read_text()
    for name, wrong in (
        ("machine", r'"a\nb"'),
        ("model", r'"a\u001b[31m"'),
        ("detector", r'"a\u202eb"'),
        ("recall", "99.1"),
    ):
        changed = re.sub(rf"(?m)^{name} = .*$", lambda _, line=f"{name} = {wrong}": line, text)
        assert changed != text
        (tmp_path / "bad.toml").write_text(changed)
        with pytest.raises(ConfigError, match=r"printable texts|a part of 1"):
            UnitCosts.load(tmp_path / "bad.toml")


def test_where_costs_cannot_be_written_nothing_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "measure", lambda *_, **__: pytest.fail("it was measured"))
    (tmp_path / "file").touch()
    for out in (tmp_path, tmp_path / "file" / "plan.toml"):
        assert main(["plan", "--measure", "--out", str(out)]) == 1
    assert "Unit costs cannot be written there" in capsys.readouterr().err


def test_the_command_prints_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    COSTS.save(tmp_path / "plan.toml")
    assert main(["plan", "--cameras", "3", "--measured", str(tmp_path / "plan.toml"), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert rows[0] == {
        "name": "video a day",
        "value": 72.0,
        "unit": "h",
        "formula": "3 cameras x 24 h",
        "basis": "told",
    }


def test_a_measured_gallery_takes_at_least_its_vectors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the allocator gives memory that it had kept, the process does not grow."""
    monkeypatch.setattr(module, "_memory", lambda: 10**9)
    cost = module._gallery(tmp_path / "gallery", 16, 1000)
    assert cost.memory_bytes == 4 * 16 * 1000
    assert cost.disk_bytes >= 4 * 16 * 1000


def test_vectors_of_one_person_are_nearer_than_others() -> None:
    rows = likeness(2000, 64)
    nearest = np.sort(rows @ rows.T, axis=1)[:, -8:]
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert nearest[:, :-1].mean() > 0.5


def test_what_the_footage_is_can_be_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tracked = COSTS.tracking[0], 10, tmp_path, 5e4, 12.5
    monkeypatch.setattr(module, "_track", lambda *_: tracked)
    monkeypatch.setattr(module, "_embed", lambda *_: 0.5)
    monkeypatch.setattr(module, "_galleries", lambda *_: COSTS.gallery)
    videos = [tmp_path / "a.mp4", tmp_path / "b.mp4"]
    told = measure(videos, about='two doors, "wet"', rows=(1000, 3000))
    told.save(tmp_path / "plan.toml")
    assert UnitCosts.load(tmp_path / "plan.toml").footage == '2 videos given: two doors, "wet"'
    plain = measure(videos, rows=(1000, 3000))
    assert plain.footage == "2 videos given: a.mp4, b.mp4"
    for places, about in ((videos, "two\nlines"), ([], "a door")):
        with pytest.raises(ConfigError, match="one line"):
            measure(places, about=about, rows=(1000, 3000))


@pytest.mark.slow  # renders, tracks and embeds: about 20 s
def test_measuring_gives_costs_that_can_be_planned_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SCENE", {"cameras": 1, "persons": 6, "seconds": 6, "height": 180, "seed": 7})
    costs = measure(model="colour_histogram", rows=(1000, 3000))
    costs.save(tmp_path / "plan.toml")
    assert [each.rows for each in costs.gallery] == [1000, 3000]
    assert min(each.recall for each in costs.gallery) == 1
    assert costs.tracking[0].core_seconds > 0
    assert all(
        each.value > 0 for each in plan(Workload(cameras=2, days=1), UnitCosts.load(tmp_path / "plan.toml"))
    )
