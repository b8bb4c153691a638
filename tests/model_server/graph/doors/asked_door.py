"""A REST door without a socket: asked as a connection would ask it, and what it counts."""

import asyncio

from exchange_by_hand import Written, an_exchange

from model_server.graph.doors.reception import Reception
from model_server.graph.doors.rest import RestDoor
from model_server.graph.settings import Limits


class Counted:
    """In the place of Telemetry."""

    def __init__(self):
        self.answers, self.refusals, self.under_way, self.most_under_way = [], [], 0, 0

    def answered(self, service, method, code, seconds):
        assert seconds >= 0
        self.answers.append((service, method, code))

    def refused(self, reason):
        self.refusals.append(reason)

    def in_flight(self, change):
        self.under_way += change
        self.most_under_way = max(self.most_under_way, self.under_way)


class Door:
    def __init__(self, surface, limits=None):
        self.counted = Counted()
        self.reception = Reception(self.counted, limits or Limits())
        self._door = RestDoor(surface, self.reception)

    def ask(self, method, path, body=b"", headers=(), **more):
        return asyncio.run(self.asked(method, path, body, headers, **more))

    async def asked(self, method, path, body=b"", headers=(), *, query="", sends=None):
        """The answer; None where there was none. `sends(exchange)`, where given, does what the client does then."""
        written = Written()
        exchange = an_exchange(method, path, written, headers, query)
        if sends is None:
            exchange.add(body)
            exchange.end()
            await self._door(exchange)
        else:
            await asyncio.gather(self._door(exchange), sends(exchange))
        return written.answer() if written else None
