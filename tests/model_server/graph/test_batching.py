"""Adaptive batching: whatever has arrived goes together, and nobody notices anybody else."""

import asyncio
import gc
import threading
import weakref

import pytest
from batching_under_test import Asking, Doubling, Linked, a_batcher, breaks, until
from hypothesis import given, settings
from hypothesis import strategies as st


def test_what_arrives_while_a_call_runs_goes_together_in_the_next():
    async def go():
        doubling = Doubling()
        told = []
        batcher = a_batcher(doubling, on_batch=lambda rows, requests: told.append((rows, requests)))
        doubling.gate.clear()
        first = asyncio.create_task(batcher.answer(1))
        await until(doubling.entered.is_set)
        others = [asyncio.create_task(batcher.answer(n)) for n in (2, 3, 4)]
        await asyncio.sleep(0)
        doubling.gate.set()
        assert await asyncio.gather(first, *others) == [2, 4, 6, 8]
        assert doubling.batches == [[1], [2, 3, 4]]
        assert told == [(1, 1), (9, 3)]

    asyncio.run(go())


def test_a_batch_holds_no_more_rows_than_allowed_unless_one_request_alone_does():
    async def go():
        doubling = Doubling()
        batcher = a_batcher(doubling, max_rows=10)
        doubling.gate.clear()
        tasks = [asyncio.create_task(batcher.answer(1))]
        await until(doubling.entered.is_set)
        tasks += [asyncio.create_task(batcher.answer(n)) for n in (6, 4, 1, 25, 10, 3)]
        await asyncio.sleep(0)
        doubling.gate.set()
        await asyncio.gather(*tasks)
        assert doubling.batches == [[1], [6, 4], [1], [25], [10], [3]]

    asyncio.run(go())


def test_who_stops_waiting_is_left_out():
    async def go():
        doubling = Doubling()
        batcher = a_batcher(doubling)
        doubling.gate.clear()
        first = asyncio.create_task(batcher.answer(1))
        await until(doubling.entered.is_set)
        gone, stays = asyncio.create_task(batcher.answer(2)), asyncio.create_task(batcher.answer(3))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.sleep(0)
        doubling.gate.set()
        assert await asyncio.gather(first, stays) == [2, 6]
        assert doubling.batches == [[1], [3]]

    asyncio.run(go())


def test_a_call_that_breaks_is_told_to_all_in_it_and_the_next_go_on():
    async def go():
        batcher = a_batcher(breaks)
        with pytest.raises(RuntimeError, match="broken"):
            await batcher.answer(13)
        assert await batcher.answer(5) == 5

    asyncio.run(go())


def test_a_wrong_number_of_answers_is_an_error_for_all_in_it_rather_than_a_mix_up():
    async def go():
        batcher = a_batcher(lambda messages: [1, *messages])
        with pytest.raises(RuntimeError, match="2 answers to 1 messages"):
            await batcher.answer(7)

    asyncio.run(go())


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(-50, 50), st.integers(0, 3)), min_size=1, max_size=60), st.integers(1, 60))
def test_every_caller_gets_its_own(callers, max_rows):
    """Callers come after a number of turns of the loop; nobody's error or number is another's."""

    async def go():
        doubling = Doubling()
        batcher = a_batcher(doubling, max_rows=max_rows)

        async def ask(number, turns):
            for _ in range(turns):
                await asyncio.sleep(0)
            try:
                return await batcher.answer(number)
            except ValueError as error:
                return str(error)

        answers = await asyncio.gather(*(ask(*caller) for caller in callers))
        assert answers == [f"{n} is below zero" if n < 0 else 2 * n for n, _ in callers]
        assert sorted(n for batch in doubling.batches for n in batch) == sorted(n for n, _ in callers)
        assert all(sum(map(abs, batch)) <= max_rows or len(batch) == 1 for batch in doubling.batches)

    asyncio.run(go())


def test_who_stops_waiting_lets_go_of_its_message_at_once():
    class Large:
        pass

    async def go():
        gate, entered = threading.Event(), threading.Event()

        def answer_many(messages):
            entered.set()
            gate.wait(60)
            return messages

        batcher = a_batcher(answer_many, rows_of=lambda _: 1)
        first = asyncio.create_task(batcher.answer("first"))
        await until(entered.is_set)
        large = Large()
        seen = weakref.ref(large)
        gone = asyncio.create_task(batcher.answer(large))
        del large
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        del gone

        def is_let_go():
            gc.collect()
            return seen() is None

        await until(is_let_go)
        gate.set()
        assert await first == "first"

    asyncio.run(go())


def test_rows_that_cannot_be_counted_are_an_error_for_who_asked_and_not_for_who_comes_later():
    async def go():
        def rows_of(message):
            return 1 // message

        batcher = a_batcher(lambda messages: messages, rows_of=rows_of)
        with pytest.raises(ZeroDivisionError):
            await batcher.answer(0)
        assert await batcher.answer(1) == 1

    asyncio.run(go())


def test_where_nothing_can_be_run_any_more_all_are_told():
    async def go():
        async def run(work):
            raise RuntimeError("closed")

        batcher = Asking(Linked(lambda messages: messages, run=run), max_rows=1)
        answers = await asyncio.gather(batcher.answer(1), batcher.answer(2), return_exceptions=True)
        assert [str(answer) for answer in answers] == ["closed", "closed"]

    asyncio.run(go())


def plus(number):
    return lambda messages: [each + number for each in messages]


def test_a_batch_goes_through_all_links_and_each_is_told_of_its_own_calls():
    async def go():
        doubling, told = Doubling(), []
        asking = Asking(
            Linked(doubling, on_batch=lambda *seen: told.append(("first", *seen))),
            Linked(plus(1), on_batch=lambda *seen: told.append(("second", *seen))),
        )
        doubling.gate.clear()
        first = asyncio.create_task(asking.answer(1))
        await until(doubling.entered.is_set)
        others = [asyncio.create_task(asking.answer(n)) for n in (2, 3)]
        await asyncio.sleep(0)
        doubling.gate.set()
        assert await asyncio.gather(first, *others) == [3, 5, 7]
        assert told == [("first", 1, 1), ("second", 2, 1), ("first", 5, 2), ("second", 10, 2)]

    asyncio.run(go())


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(-50, 50), st.integers(0, 3)), min_size=1, max_size=40), st.integers(1, 60))
def test_in_a_chain_whoever_fails_at_a_link_goes_no_further_and_nobody_else_notices(callers, max_rows):
    """The first link fails for those below zero, the last for those that are 20 and more by then."""

    async def go():
        reached = []

        def last(messages):
            reached.extend(messages)
            return [KeyError(each) if each >= 20 else each for each in messages]

        asking = Asking(Linked(Doubling()), Linked(plus(1)), Linked(last), max_rows=max_rows)

        async def ask(number, turns):
            for _ in range(turns):
                await asyncio.sleep(0)
            try:
                return await asking.answer(number)
            except (ValueError, KeyError) as error:
                return type(error)

        answers = await asyncio.gather(*(ask(*caller) for caller in callers))
        assert answers == [ValueError if n < 0 else KeyError if 2 * n + 1 >= 20 else 2 * n + 1 for n, _ in callers]
        assert sorted(reached) == sorted(2 * n + 1 for n, _ in callers if n >= 0)

    asyncio.run(go())


def test_a_link_that_breaks_is_told_to_those_at_it_and_the_next_batch_goes_on():
    async def go():
        asking = Asking(Linked(plus(1)), Linked(breaks))
        with pytest.raises(RuntimeError, match="broken"):
            await asking.answer(12)
        assert await asking.answer(4) == 5

    asyncio.run(go())


def test_who_stops_waiting_between_links_is_left_out_of_the_next():
    async def go():
        first_link, last = Doubling(), Doubling()
        asking = Asking(Linked(first_link), Linked(last))
        first_link.gate.clear()
        busy = asyncio.create_task(asking.answer(1))
        await until(first_link.entered.is_set)
        gone, stays = asyncio.create_task(asking.answer(2)), asyncio.create_task(asking.answer(3))
        await asyncio.sleep(0)
        first_link.entered.clear()
        first_link.gate.set()
        await busy
        first_link.gate.clear()
        await until(first_link.entered.is_set)
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        first_link.gate.set()
        assert await stays == 12
        assert last.batches == [[2], [6]]

    asyncio.run(go())


@pytest.mark.parametrize("stuck_place", [0, 1])
def test_each_link_has_its_own_time_and_its_own_word_for_taking_too_long(stuck_place):
    async def go():
        links = [Doubling(), Doubling()]
        asking = Asking(*(Linked(each, timeout=0.2) for each in links))
        links[stuck_place].gate.clear()
        with pytest.raises(TimeoutError, match=f"link {stuck_place}"):
            await asking.answer(1)
        links[stuck_place].gate.set()
        assert await asking.answer(2) == 8

    asyncio.run(go())


def test_the_time_at_a_link_beyond_the_first_begins_when_a_request_comes_to_it():
    """The first link uses up more than what the second has; what is over at the first is not late at the second."""

    async def go():
        first_link, last = Doubling(), Doubling()
        asking = Asking(Linked(first_link, timeout=60), Linked(last, timeout=0.5))
        first_link.gate.clear()
        asked = asyncio.create_task(asking.answer(1))
        began = asyncio.get_running_loop().time()
        await until(lambda: asyncio.get_running_loop().time() > began + 0.6)
        first_link.gate.set()
        assert await asked == 4

    asyncio.run(go())


def test_an_answer_that_cannot_be_counted_is_an_error_for_its_caller_and_for_nobody_else():
    class Miscounting(Linked):
        def told(self, asked, answer, ended):
            if answer == 3:
                raise RuntimeError("miscounted")
            return answer

    async def go():
        doubling = Doubling()
        asking = Asking(Linked(doubling), Miscounting(plus(-1)))
        doubling.gate.clear()
        first = asyncio.create_task(asking.answer(1))
        await until(doubling.entered.is_set)
        others = [asyncio.create_task(asking.answer(n)) for n in (2, 3)]
        await asyncio.sleep(0)
        doubling.gate.set()
        async with asyncio.timeout(20):
            answers = await asyncio.gather(first, *others, return_exceptions=True)
        assert [str(answer) for answer in answers] == ["1", "miscounted", "5"]

    asyncio.run(go())
