"""Transports by name. Each is imported when it is chosen: seldon-core alone takes a second and a half."""

from __future__ import annotations

from traffic_sim.scenario import TransportName
from traffic_sim.transports.transport import Target, Transport


def make_transport(name: TransportName, target: Target) -> Transport:
    match name:
        case "http":
            from traffic_sim.transports.http import HttpTransport  # noqa: PLC0415

            return HttpTransport(target)
        case "grpc":
            from traffic_sim.transports.grpc import GrpcTransport  # noqa: PLC0415

            return GrpcTransport(target)
        case "seldon-client":
            from traffic_sim.transports.seldon_client import SeldonClientTransport  # noqa: PLC0415

            return SeldonClientTransport(target)
