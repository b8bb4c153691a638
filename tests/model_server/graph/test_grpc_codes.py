"""The words of Go for gRPC's codes."""

from __future__ import annotations

import grpc

from model_server.graph.grpc_codes import go_name


def test_codes_are_spelled_as_go_spells_them():
    # Source: google.golang.org/grpc/codes, Code.String
    assert [go_name(code.name) for code in grpc.StatusCode] == [
        "OK",
        "Canceled",
        "Unknown",
        "InvalidArgument",
        "DeadlineExceeded",
        "NotFound",
        "AlreadyExists",
        "PermissionDenied",
        "ResourceExhausted",
        "FailedPrecondition",
        "Aborted",
        "OutOfRange",
        "Unimplemented",
        "Internal",
        "Unavailable",
        "DataLoss",
        "Unauthenticated",
    ]
