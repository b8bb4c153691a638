"""An exchange without a connection, and what it wrote."""

from dataclasses import dataclass, field

from model_server.graph.doors.flow_control import FlowControl
from model_server.graph.doors.http_exchange import Exchange


@dataclass
class Answer:
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class Written(bytearray):
    """What an exchange wrote: in the place of a transport."""

    def write(self, data):
        self.extend(data)

    def is_closing(self):
        return False

    def pause_reading(self):
        pass

    def resume_reading(self):
        pass

    def close(self):
        pass

    def answer(self):
        head, _, body = self.partition(b"\r\n\r\n")
        status_line, *lines = head.decode("latin-1").split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        assert len(headers) == len(lines), "a header twice"
        assert not body or int(headers["content-length"]) == len(body)  # an answer to HEAD has a length, and no body
        return Answer(int(status_line.split(" ")[1]), headers, bytes(body))


def an_exchange(method, path, written, headers=(), query=""):
    """One whose head has come."""
    return Exchange(
        method,
        path,
        query,
        [(name.lower().encode(), value.encode("latin-1")) for name, value in headers],
        outlet=written,
        flow=FlowControl(written),
        keep_alive=True,
        expects_100_continue=False,
        on_answered=lambda: None,
    )
