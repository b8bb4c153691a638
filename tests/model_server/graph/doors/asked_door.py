"""A REST door without a socket: asked as an ASGI server would ask it, and what it counts."""

import asyncio
from dataclasses import dataclass, field

from model_server.graph.doors.reception import Reception
from model_server.graph.doors.rest import RestDoor
from model_server.graph.settings import Limits


@dataclass
class Answer:
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


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

    async def asked(self, method, path, body=b"", headers=(), *, query=b"", receive=None):
        """The answer; None where there was none."""
        answer = Answer()

        async def whole():
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(event):
            if event["type"] == "http.response.start":
                answer.status = event["status"]
                answer.headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in event["headers"]}
                assert len(answer.headers) == len(event["headers"]), "a header twice"
            else:
                answer.body += event["body"]

        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query,
            "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in headers],
        }
        await self._door(scope, receive or whole, send)
        return answer if answer.status else None
