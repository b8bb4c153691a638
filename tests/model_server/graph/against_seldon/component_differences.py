"""Where a component here answers otherwise than behind Seldon's wrapper, to what is generated, and why.

A difference takes a case and what is expected so far, and gives what is expected instead; or nothing, where it does
not apply. Each must apply somewhere. docs/compatibility.md tells users the same. What is wrong with a request,
`differential_faults` says; where a router is what refuses it, the executor's words stand for the router's.
"""

import re
from dataclasses import replace

from differential_faults import has_nulls, has_open_dimension, http_status_of, is_wrong
from differential_programs import Outcome
from stated_differences import ANY, CLIENTS_FAULT, NO_WORDS, Differences, Like

DIFFERENCES = Differences()
NUMPYS_WORDS = Like(
    "(cannot reshape|setting an array element|expected a sequence of integers|'str' object cannot be).*"
)
ROUTER_FAILED = re.compile(r"Internal service call from executor failed calling \S+ status code (\d+)")
MAX_DETAILS_BYTES = 2_000


@DIFFERENCES("What the client got wrong is the client's fault: 400 or 415 with the wrapper's words, where it has any.")
def clients_fault(case, expected):
    status = http_status_of(case.request) if case.request.is_rest else None
    if status is None:
        return None
    if failed := ROUTER_FAILED.fullmatch(info_of(case.ours)):
        return case.ours if (case.ours.code, failed[1]) == (status, str(status)) else None
    words = info_of(expected)
    is_told = expected.code == 500 and words == NUMPYS_WORDS and not info_of(case.ours).startswith("data.tensor is")
    return replace(expected, code=status, body={"status": CLIENTS_FAULT | {"info": words if is_told else ANY}})


@DIFFERENCES("Over gRPC the client's fault is INVALID_ARGUMENT, with the wrapper's words, where it has any.")
def clients_fault_over_grpc(case, expected):
    if case.request.is_rest or not is_wrong(case.request):
        return None
    words = str(expected.body).removeprefix(NO_WORDS)
    return Outcome("INVALID_ARGUMENT", words if words == NUMPYS_WORDS else ANY)


@DIFFERENCES("A path or a method that is none is 404 or 405, not 500.")
def no_such_path(case, expected):
    words = info_of(expected)
    if expected.code != 500 or not words.startswith(("404 Not Found", "405 Method Not Allowed")):
        return None
    is_known = "predictions" in case.request.path or "feedback" in case.request.path
    status = 405 if is_known or words.startswith("405") else 404
    return replace(expected, code=status, body={"status": CLIENTS_FAULT})


@DIFFERENCES(
    "An error over gRPC has words, also where the component chose its status, which is the client's fault if 4xx."
)
def words_of_chosen_errors(case, expected):
    if expected.code != "UNKNOWN" or expected.body != NO_WORDS:
        return None
    if case.ours.code == "INVALID_ARGUMENT":
        return Outcome("INVALID_ARGUMENT", Like("no such user|the row is odd"))
    return Outcome("UNKNOWN", Like(f"{NO_WORDS}.+"))


@DIFFERENCES("The words of an answer of no known kind are the same over gRPC, not a word out of Python.")
def unknown_kinds(case, expected):
    if "can only concatenate str" in str(expected.body):
        return replace(expected, body=Like(f"{NO_WORDS}Unknown data type returned as payload:.*"))
    return None


@DIFFERENCES(
    "A list in an answer that makes no array goes out as it is, as another component, or the client, may want it."
)
def ragged_answers(case, expected):
    is_lost = expected.code in {500, "UNKNOWN"} and "inhomogeneous shape" in words_of(expected)
    return case.ours if is_lost and "ragged" in str(case.request.tree) else None


@DIFFERENCES("NaN and infinity in an ndarray over gRPC are told as such, not as what protobuf's JSON makes of them.")
def odd_numbers(case, expected):
    """Of a component; a client's are its fault."""
    if expected.code != "UNKNOWN" or "Fail to serialize" not in str(expected.body):
        return None
    return replace(expected, body=Like(f"{NO_WORDS}.+ in a google.protobuf.Value, .+"))


@DIFFERENCES("A method is called once, also where it raises a TypeError; with meta, if it takes it.")
def called_once(case, expected):
    if "twice" not in str(case.request.tree) or "with meta it fails" not in f"{info_of(case.ours)}{case.ours.body}":
        return None
    if not case.request.is_rest:
        return Outcome("UNKNOWN", f"{NO_WORDS}with meta it fails")
    status = CLIENTS_FAULT | {"info": "with meta it fails", "reason": "MICROSERVICE_INTERNAL_ERROR"}
    return replace(expected, code=500, body={"status": status}, content_type="application/json")


@DIFFERENCES("Null for meta, or for a part of it, is the same as nothing, as in protobuf's JSON; not 500.")
def null_meta(case, expected):
    words = info_of(case.seldons)
    is_lost = case.seldons.code == 500 and ("NoneType" in words or ROUTER_FAILED.fullmatch(words))
    return case.ours if is_lost and has_nulls(case.request) else None


@DIFFERENCES(
    "Over gRPC too, and in feedback, numpy finds the size of a dimension of -1; Seldon takes the shape for numbers."
)
def open_dimensions(case, expected):
    return case.ours if has_open_dimension(case.request) and case.ours.code not in {400, "INVALID_ARGUMENT"} else None


@DIFFERENCES("What a raw answer holds beside the message is passed on, not looked into.")
def raw_answers(case, expected):
    is_lost = expected.code == 500 and "is not iterable" in words_of(expected)
    return case.ours if is_lost and isinstance(case.request.tree, dict) and "status" in case.request.tree else None


@DIFFERENCES(
    "The words beside a gRPC code are cut at 2,000 bytes: they travel as a header, and clients refuse long ones."
)
def long_words(case, expected):
    if case.request.is_rest or not isinstance(expected.body, str) or len(expected.body.encode()) <= MAX_DETAILS_BYTES:
        return None
    return replace(expected, body=expected.body.encode()[:MAX_DETAILS_BYTES].decode(errors="ignore"))


@DIFFERENCES("What only a graph could tell is UNIMPLEMENTED by a component, not UNKNOWN.")
def metadata_of_a_graph(case, expected):
    if case.graph is None and case.request.method.endswith("GraphMetadata"):
        return Outcome("UNIMPLEMENTED", expected.body.removeprefix(NO_WORDS))
    return None


def info_of(outcome):
    """The words of a status object."""
    status = outcome.body.get("status") if isinstance(outcome.body, dict) else None
    return str(status.get("info", "")) if isinstance(status, dict) else ""


def words_of(outcome):
    """Of an error."""
    return outcome.body if isinstance(outcome.body, str) else info_of(outcome)
