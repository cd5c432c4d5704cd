"""Threads beside a job's own."""

import threading
import time

import pytest

from saliency.workers import Workers


def test_results_come_in_order_and_no_more_is_computed_than_is_held():
    begun = []

    def work(number):
        begun.append(number)
        time.sleep(0.002 * (number % 3))
        return number

    with Workers(3) as workers:
        for number, found in enumerate(workers.ahead(work, range(12), held=4)):
            assert found == number
            assert len(begun) <= number + 1 + 4
    assert sorted(begun) == list(range(12))


def test_calls_in_order_are_made_in_one_thread_and_wait_for_a_place():
    written, go_on = [], threading.Event()

    def write(number):
        go_on.wait(5)
        written.append((number, threading.current_thread().name))

    with Workers(2) as workers:
        workers.in_order(write, 0)
        workers.in_order(write, 1)
        third = threading.Thread(target=workers.in_order, args=(write, 2))
        third.start()
        third.join(0.05)
        assert third.is_alive()
        go_on.set()
        third.join()
        workers.finish()
    assert [number for number, _ in written] == [0, 1, 2]
    assert len({name for _, name in written}) == 1


def test_errors_reach_the_job_and_what_has_not_begun_is_dropped():
    begun = []

    def fail(number):
        begun.append(number)
        raise ValueError(f"number {number}")

    with pytest.raises(ValueError, match="number 0"), Workers(1) as workers:
        list(workers.ahead(fail, range(100), held=50))
    assert len(begun) < 50
    with Workers(1) as workers:
        workers.in_order(fail, 7)
        with pytest.raises(ValueError, match="number 7"):
            workers.finish()
