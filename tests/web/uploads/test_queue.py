import threading
import time
from collections.abc import Callable

import pytest

from stca.web.problems import WebError
from stca.web.uploads import DecodeQueue, RateLimit, UploadError


def test_two_at_once_in_their_order_and_the_fourth_that_would_wait_is_refused() -> None:
    queue = DecodeQueue(at_once=2, waiting=2, patience=30)
    go, begun, most = threading.Event(), [], [0]

    def work(number: int) -> None:
        with queue.turn():
            begun.append(number)
            most[0] = max(most[0], queue.load()[0])
            go.wait(30)

    threads = []
    for number, expected in enumerate([(1, 0), (2, 0), (2, 1), (2, 2)]):
        threads.append(threading.Thread(target=work, args=(number,)))
        threads[-1].start()
        until(lambda expected=expected: queue.load() == expected)
    with pytest.raises(UploadError) as error, queue.turn():
        raise AssertionError("it is refused")
    assert error.value.status == 503
    assert error.value.retry_after is not None
    assert 1 <= error.value.retry_after <= 60
    go.set()
    for thread in threads:
        thread.join(30)
    assert begun[2:] == [2, 3]
    assert most == [2]
    assert queue.load() == (0, 0)


def test_who_waits_too_long_is_refused_and_makes_room() -> None:
    queue = DecodeQueue(at_once=1, waiting=1, patience=0.05)
    with queue.turn():
        for _ in range(2):
            with pytest.raises(UploadError, match="busy"), queue.turn():
                raise AssertionError("it is refused")
        assert queue.load() == (1, 0)
    with queue.turn():
        assert queue.load() == (1, 0)


def test_an_error_gives_the_turn_back() -> None:
    queue = DecodeQueue(at_once=1)
    with pytest.raises(ValueError, match="x"), queue.turn():
        raise ValueError("x")
    assert queue.load() == (0, 0)


def until(true: Callable[[], bool], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.002)


class Slow:
    """The obvious limit: a request is allowed if the bucket, counted from the first one on, holds enough."""

    def __init__(self, rate: float, burst: float) -> None:
        self.rate, self.burst, self.tokens, self.then = rate, burst, burst, 0.0

    def allowed(self, now: float, cost: float) -> bool:
        self.tokens = min(self.burst, self.tokens + self.rate * (now - self.then))
        self.then = now
        if self.tokens < cost:
            return False
        self.tokens -= cost
        return True


def test_a_rate_limit_is_a_bucket_for_each_client() -> None:
    now = [0.0]
    limit = RateLimit(0.5, 3, clock=lambda: now[0])
    slow = {"a": Slow(0.5, 3), "b": Slow(0.5, 3)}
    steps = [
        ("a", 0.0, 1),
        ("a", 0.0, 1),
        ("b", 0.25, 3),
        ("a", 0.0, 1),
        ("a", 0.25, 1),
        ("b", 1.0, 1),
        ("a", 0.5, 1),
    ]
    allowed = []
    for client, step, cost in 4 * steps:
        now[0] += step
        seconds = limit.wait(client, cost)
        allowed.append(seconds == 0)
        assert allowed[-1] == slow[client].allowed(now[0], cost)
        if seconds:
            assert seconds == pytest.approx((cost - slow[client].tokens) / 0.5)
    assert 0 < sum(allowed) < len(allowed)


def test_who_is_refused_is_told_when_to_come_back() -> None:
    now = [0.0]
    limit = RateLimit(0.1, 1, clock=lambda: now[0])
    limit.require("a")
    limit.require("b")
    with pytest.raises(WebError) as error:
        limit.require("a")
    assert (error.value.status, error.value.retry_after) == (429, 10)
    now[0] += 10
    limit.require("a")


def test_of_many_clients_those_that_were_longest_silent_are_forgotten() -> None:
    limit = RateLimit(0.001, 1, clients=3, clock=lambda: 0.0)
    for client in "abcab":
        limit.wait(client)
    limit.wait("d")  # forgets c
    assert [bool(limit.wait(client)) for client in "abd"] == [True, True, True]
    assert limit.wait("c") == 0
