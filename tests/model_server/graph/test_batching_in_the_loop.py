"""Little that is asked of links which never wait is answered in the event loop's own thread; all else is not."""

import asyncio
import threading

import pytest
from batching_under_test import Asking, Linked, breaks


async def never(work):
    raise AssertionError("little was to be answered in the loop's own thread")


def test_what_links_that_never_wait_are_asked_is_answered_in_the_loops_thread_and_goes_together():
    async def go():
        threads, told = set(), []

        def doubled(messages):
            threads.add(threading.current_thread())
            return [2 * each for each in messages]

        links = [
            Linked(doubled, lambda rows, requests: told.append((rows, requests)), never, at_once_bytes=100)
            for _ in range(2)
        ]
        asking = Asking(*links)
        assert await asyncio.gather(*(asking.answer(n) for n in (1, 2, 3))) == [4, 8, 12]
        assert threads == {threading.current_thread()}
        assert told == [(6, 3), (12, 3)]

    asyncio.run(go())


@pytest.mark.parametrize("limits", [(100, 0), (0, 100)])
def test_one_link_of_a_chain_that_may_wait_keeps_all_of_it_out_of_the_loop(limits):
    async def go():
        threads = set()

        def noted(messages):
            threads.add(threading.current_thread())
            return messages

        asking = Asking(*(Linked(noted, at_once_bytes=limit) for limit in limits))
        assert await asking.answer(1) == 1
        assert threading.current_thread() not in threads

    asyncio.run(go())


def test_more_than_little_is_answered_outside_the_loop_all_of_it():
    async def go():
        batches = []

        def noted(messages):
            batches.append((threading.current_thread() is threading.main_thread(), list(messages)))
            return messages

        asking = Asking(Linked(noted, at_once_bytes=10))
        assert await asyncio.gather(*(asking.answer(n) for n in (6, 4, 1))) == [6, 4, 1]
        assert await asking.answer(10) == 10
        assert await asking.answer(11) == 11
        assert batches == [(False, [6, 4, 1]), (True, [10]), (False, [11])]

    asyncio.run(go())


def test_what_comes_a_turn_later_still_goes_together_but_nobody_waits_for_ever_for_those_who_keep_coming():
    async def go():
        batches = []

        def noted(messages):
            batches.append(len(messages))
            return messages

        asking = Asking(Linked(noted, run=never, at_once_bytes=50))

        async def late(turns):
            for _ in range(turns):
                await asyncio.sleep(0)
            return await asking.answer(1)

        assert await asyncio.gather(*map(late, (0, 1, 2, 3))) == [1] * 4
        assert batches == [4]

        asking = Asking(Linked(noted, at_once_bytes=20))
        batches.clear()
        await asyncio.gather(*map(late, range(200)))
        assert batches[0] == 21  # one more than is little

    asyncio.run(go())


def test_a_link_that_breaks_in_the_loops_thread_is_told_to_all_in_it_and_the_next_go_on():
    async def go():
        asking = Asking(Linked(breaks, run=never, at_once_bytes=100))
        for each in await asyncio.gather(asking.answer(13), asking.answer(5), return_exceptions=True):
            assert isinstance(each, RuntimeError)
        assert await asking.answer(5) == 5

    asyncio.run(go())
