"""The batcher under virtual time: batching, deadlines, cancellation, overload, and its books."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.batching import Batcher, Priority
from models.engine import EngineDown, EngineError, EngineLate, EngineOverloaded
from tests.virtual_time import VirtualTimeLoop

pytestmark = pytest.mark.virtual_time


class SlowDoubler:
    """Doubles numbers, a second for each batch, and remembers the batches."""

    def __init__(self, seconds: float = 1.0) -> None:
        self.batches: list[list[int]] = []
        self.seconds = seconds

    async def __call__(self, batch: Sequence[int]) -> Sequence[int | EngineError]:
        self.batches.append(list(batch))
        await asyncio.sleep(self.seconds)
        return [EngineError("13 is unlucky") if request == 13 else 2 * request for request in batch]


async def test_an_idle_engine_starts_at_once_and_a_busy_one_takes_all_that_wait() -> None:
    run = SlowDoubler()
    async with Batcher(run, max_batch=3) as batcher:
        first = asyncio.create_task(batcher.submit(1, deadline_s=9))
        await asyncio.sleep(0.5)
        others = [asyncio.create_task(batcher.submit(n, deadline_s=9)) for n in (2, 3, 4, 5)]
        assert await first == 2
        assert asyncio.get_running_loop().time() == 1.0
        assert await asyncio.gather(*others) == [4, 6, 8, 10]
    assert run.batches == [[1], [2, 3, 4], [5]]
    assert batcher.metrics.batch_sizes == {1: 2, 3: 1}
    assert batcher.metrics.queue_wait.max_ms == 1500
    assert batcher.metrics.run.mean_ms == 1000


async def test_requests_that_cannot_share_a_batch_run_in_order_of_their_oldest() -> None:
    run = SlowDoubler()
    async with Batcher(run, key=lambda n: n % 2) as batcher:
        await asyncio.gather(*(batcher.submit(n, deadline_s=9) for n in (1, 2, 3, 4)))
    assert run.batches == [[1, 3], [2, 4]]


async def test_a_request_that_waits_too_long_never_reaches_the_engine() -> None:
    run = SlowDoubler()
    async with Batcher(run, max_batch=1) as batcher:
        busy = asyncio.create_task(batcher.submit(1, deadline_s=9))
        await asyncio.sleep(0)
        with pytest.raises(EngineLate, match="300 ms"):
            await batcher.submit(2, deadline_s=0.3)
        assert asyncio.get_running_loop().time() == pytest.approx(0.3)
        await busy
    assert run.batches == [[1]]
    assert batcher.metrics.dropped_late == 1


async def test_a_deadline_that_falls_on_the_end_of_the_batch_before_drops_the_request() -> None:
    run = SlowDoubler()
    async with Batcher(run, max_batch=1) as batcher:
        busy = asyncio.create_task(batcher.submit(1, deadline_s=9))
        await asyncio.sleep(0)
        with pytest.raises(EngineLate):
            await batcher.submit(2, deadline_s=1.0)
        await busy
    assert run.batches == [[1]]


async def test_an_answer_after_the_deadline_is_late_and_harms_nobody_else() -> None:
    async with Batcher(SlowDoubler()) as batcher:
        patient = asyncio.create_task(batcher.submit(1, deadline_s=9))
        with pytest.raises(EngineLate):
            await batcher.submit(2, deadline_s=0.5)
        assert await patient == 2
    assert (batcher.metrics.late, batcher.metrics.dropped_late) == (1, 0)


async def test_a_cancelled_caller_takes_its_request_out_of_the_queue() -> None:
    run = SlowDoubler()
    async with Batcher(run, max_batch=1, max_queue=1) as batcher:
        busy = asyncio.create_task(batcher.submit(1, deadline_s=9))
        await asyncio.sleep(0.1)
        gone = asyncio.create_task(batcher.submit(2, deadline_s=9))
        await asyncio.sleep(0.1)
        with pytest.raises(EngineOverloaded):
            await batcher.submit(3, deadline_s=9)
        gone.cancel()
        await asyncio.wait([gone])
        assert await batcher.submit(4, deadline_s=9) == 8
        await busy
    assert run.batches == [[1], [4]]
    assert (batcher.metrics.cancelled, batcher.metrics.overloaded) == (1, 1)


async def test_one_bad_request_fails_alone() -> None:
    async with Batcher(SlowDoubler()) as batcher:
        good, bad = await asyncio.gather(
            batcher.submit(1, deadline_s=9), batcher.submit(13, deadline_s=9), return_exceptions=True
        )
    assert good == 2
    assert isinstance(bad, EngineError)
    assert batcher.metrics.failed == 1


@pytest.mark.parametrize(
    ("fault", "expected"),
    [(EngineDown("dead"), EngineDown), (ValueError("bad shape"), EngineError), (TimeoutError(), EngineError)],
)
async def test_a_failing_batch_fails_its_requests_and_the_next_batch_runs(
    fault: Exception, expected: type[Exception]
) -> None:
    faults = [fault]

    async def run(batch: Sequence[int]) -> Sequence[int]:
        if faults:
            raise faults.pop()
        return batch

    async with Batcher(run) as batcher:
        with pytest.raises(expected):
            await batcher.submit(1, deadline_s=9)
        assert await batcher.submit(2, deadline_s=9) == 2


async def test_a_wrong_number_of_results_is_an_error_and_not_a_mix_up() -> None:
    async def run(batch: Sequence[int]) -> Sequence[int]:
        return batch[1:]

    async with Batcher(run) as batcher:
        with pytest.raises(EngineError, match="0 results for 1"):
            await batcher.submit(1, deadline_s=9)


async def test_closing_fails_all_who_wait_and_refuses_newcomers() -> None:
    async with Batcher(SlowDoubler(), max_batch=1) as batcher:
        waiting = [asyncio.create_task(batcher.submit(n, deadline_s=9)) for n in (1, 2)]
        await asyncio.sleep(0.5)
    assert all(
        isinstance(each, EngineDown) for each in await asyncio.gather(*waiting, return_exceptions=True)
    )
    with pytest.raises(EngineDown):
        await batcher.submit(3, deadline_s=9)


async def test_two_batches_at_once_where_the_engine_has_two_processes() -> None:
    run = SlowDoubler()
    async with Batcher(run, max_batch=1, at_once=2) as batcher:
        await batcher.submit(0, deadline_s=9)
        tasks = [asyncio.create_task(batcher.submit(number, deadline_s=9)) for number in (1, 2, 3, 4, 5)]
        await asyncio.sleep(0)
        waits = []
        for _ in range(3):
            await asyncio.sleep(0.5)
            waits.append(batcher.expected_wait_s)
            await asyncio.sleep(0.5)
        await asyncio.gather(*tasks)
        assert asyncio.get_running_loop().time() == pytest.approx(4.0)
    assert waits == [2.0, 1.0, 0.0], "2 run and 3 wait; 2 run and 1 waits; 1 runs"


async def test_the_more_urgent_goes_first_and_equals_in_order() -> None:
    run = SlowDoubler()
    async with Batcher(run, max_batch=2) as batcher:
        busy = asyncio.create_task(batcher.submit(1, deadline_s=9))
        await asyncio.sleep(0.1)
        waiting = [
            asyncio.create_task(batcher.submit(number, deadline_s=9, priority=priority))
            for number, priority in (
                (2, Priority.PARTIAL),
                (3, Priority.SPECULATIVE),
                (4, Priority.FINAL),
                (5, Priority.SPECULATIVE),
            )
        ]
        await asyncio.gather(busy, *waiting)
    assert run.batches == [[1], [4, 3], [5, 2]]


async def test_a_full_queue_refuses_its_least_urgent_request() -> None:
    run = SlowDoubler()
    async with Batcher(run, max_batch=1, max_queue=2) as batcher:
        busy = asyncio.create_task(batcher.submit(1, deadline_s=9))
        await asyncio.sleep(0.1)
        ahead = asyncio.create_task(batcher.submit(2, deadline_s=9, priority=Priority.SPECULATIVE))
        partial = asyncio.create_task(batcher.submit(3, deadline_s=9, priority=Priority.PARTIAL))
        await asyncio.sleep(0.1)
        final = asyncio.create_task(batcher.submit(4, deadline_s=9))
        with pytest.raises(EngineOverloaded, match="more urgent"):
            await partial
        assert asyncio.get_running_loop().time() == pytest.approx(0.2), "told at once"
        with pytest.raises(EngineOverloaded, match="2 requests"):
            await batcher.submit(5, deadline_s=9, priority=Priority.SPECULATIVE)
        assert list(await asyncio.gather(busy, ahead, final)) == [2, 4, 8]
    counted = batcher.metrics
    assert run.batches == [[1], [4], [2]]
    assert (counted.displaced, counted.overloaded, counted.failed) == (1, 1, 0)


Call = tuple[float, float, float, int, int]
calls = st.lists(
    st.tuples(
        st.floats(0, 5).map(lambda s: round(s, 2)),  # submitted after
        st.floats(0, 4).map(lambda s: round(s, 2)),  # deadline
        st.floats(0, 4).map(lambda s: round(s, 2)),  # cancelled after
        st.integers(0, 20),
        st.sampled_from(Priority),
    ),
    max_size=25,
)


@pytest.mark.virtual_time
async def test_the_expected_wait_counts_the_batches_before_one_by_what_earlier_ones_took() -> None:
    run = SlowDoubler()
    async with Batcher(run, max_batch=2) as batcher:
        assert batcher.expected_wait_s == 0
        await batcher.submit(1, deadline_s=9)
        took_s = batcher.metrics.run.mean_ms / 1000
        assert batcher.expected_wait_s == 0, "idle again"
        tasks = [asyncio.create_task(batcher.submit(number, deadline_s=9)) for number in range(5)]
        await asyncio.sleep(took_s / 2)
        assert batcher.expected_wait_s == pytest.approx(3 * took_s), "one runs, three wait in two batches"
        await asyncio.gather(*tasks)


@given(calls=calls, max_batch=st.integers(1, 4), max_queue=st.integers(1, 6))
@settings(max_examples=150, deadline=None)
def test_every_request_ends_once_with_its_own_result_and_the_books_agree(
    calls: list[Call], max_batch: int, max_queue: int
) -> None:
    run = SlowDoubler()

    async def one(batcher: Batcher[int, int], call: Call) -> str:
        after, deadline, cancel_after, number, priority = call
        await asyncio.sleep(after)
        task = asyncio.create_task(batcher.submit(number, deadline_s=deadline, priority=priority))
        done, _ = await asyncio.wait([task], timeout=cancel_after)
        if not done:
            task.cancel()
        try:
            assert await task == 2 * number
        except asyncio.CancelledError:
            return "cancelled"
        except (EngineOverloaded, EngineLate, EngineError) as error:
            return type(error).__name__
        return "completed"

    async def scenario() -> None:
        async with Batcher(run, max_batch=max_batch, max_queue=max_queue) as batcher:
            outcomes = await asyncio.gather(*(one(batcher, call) for call in calls))
        metrics = batcher.metrics
        assert metrics.completed == outcomes.count("completed")
        assert metrics.cancelled == outcomes.count("cancelled")
        assert metrics.overloaded == outcomes.count("EngineOverloaded")
        assert metrics.displaced == outcomes.count("_Displaced")
        assert metrics.dropped_late + metrics.late == outcomes.count("EngineLate")
        assert metrics.submitted + metrics.overloaded == len(calls)
        assert metrics.failed == outcomes.count("EngineError")
        # Everything that came was answered, or somebody gave it up while the engine worked on it.
        ran = sum(map(len, run.batches))
        assert (
            metrics.completed + metrics.failed
            <= ran
            <= metrics.submitted - metrics.dropped_late - metrics.displaced
        )
        assert all(1 <= len(batch) <= max_batch for batch in run.batches)

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(scenario())
