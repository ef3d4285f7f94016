"""A wall clock that is set while people walk."""

from stca.watch.clock import WallClock, iso


class Clocks:
    def __init__(self) -> None:
        self.monotonic, self.wall = 100.0, 1.7e9


def test_a_wall_clock_that_is_set_forwards_and_back() -> None:
    clocks = Clocks()
    clock = WallClock(lambda: clocks.monotonic, lambda: clocks.wall)
    begun = clock.now()
    clocks.monotonic += 5
    clocks.wall += 5.1
    assert clock.check() is None, "it is steered"
    assert clock.wall(begun) == 1.7e9 + 0.1
    for set_by in (3600.0, -7200.0):
        clocks.wall += set_by
        assert abs((clock.check() or 0) - set_by) < 1e-3
        assert abs(clock.wall(clock.now()) - clocks.wall) < 1e-3, "what is said follows it, of the past too"
        assert clock.now() - begun == 5, "what is compared does not"
        assert clock.moment(clock.wall(begun)) == begun


def test_times_are_said_in_utc() -> None:
    assert iso(0.25) == "1970-01-01T00:00:00.250Z"
