"""Where a graph here answers otherwise than Seldon's executor over the same components, to what is generated, and why.

A difference takes a case and what is expected so far, and gives what is expected instead; or nothing, where it does not
apply. Each must apply somewhere. docs/compatibility.md tells users the same.
"""

import json
from dataclasses import replace

from component_differences import long_words, words_of
from differential_faults import feedback_of, http_status_of
from differential_programs import BROKEN, Outcome
from stated_differences import ANY, Differences, failure

DIFFERENCES = Differences()
ALL, NONE = -1, -2


@DIFFERENCES("A JSON body that says it is text is read by no client as JSON: errors are application/json.")
def errors_are_json(case, expected):
    is_status = isinstance(expected.body, dict) and "status" in str(expected.body)
    if is_status and expected.content_type.startswith("text/plain"):
        return replace(expected, content_type="application/json")
    return None


@DIFFERENCES("The branch that a router chose is in meta.routing always: without it a reward cannot find who earned it.")
def choices_are_told(case, expected):
    told = _routing(case.ours)
    if case.graph.injects_routing or case.request.is_feedback or not told or "meta" not in expected.body:
        return None
    choosers = case.graph.choosers()
    assert all(NONE <= branch < choosers[node] for node, branch in told.items()), told
    return replace(expected, body=_with_routing(expected.body, told))


@DIFFERENCES("A branch that does not exist is told, rather than that the connection breaks or the process dies.")
def bad_branches(case, expected):
    if expected.code != BROKEN or case.request.is_feedback or case.ours.code not in {500, "INTERNAL", "UNKNOWN"}:
        return None
    if words_of(case.ours).startswith("router "):
        return replace(case.ours, body={"status": failure(500)} if case.request.is_rest else ANY)
    return case.ours if case.request.is_rest and case.graph.choosers() else None  # the error of a child before it


@DIFFERENCES("A router that answers with true, which is no number, is told so; to the executor it is branch 0.")
def branches_that_are_no_numbers(case, expected):
    is_told = "did not answer with the number of a branch" in words_of(case.ours)
    return case.ours if is_told and "yes" in str(case.request.tree) else None


@DIFFERENCES("A combiner gets what its children answered, also NaN, which Python writes and Go does not read.")
def odd_numbers_to_combiners(case, expected):
    return case.ours if expected.code == 500 and words_of(expected) == "Data is not JSON" else None


@DIFFERENCES("A router that fails over gRPC is told, with its own words; the executor's process dies.")
def failing_routers(case, expected):
    is_routers = expected.code == BROKEN and not case.request.is_rest and not case.request.is_feedback
    return case.ours if is_routers and case.ours.code in {"UNKNOWN", "INVALID_ARGUMENT"} else None


@DIFFERENCES(
    "gRPC with routing injection and an answer without meta goes out as it is, as over REST; the process dies."
)
def answers_without_meta(case, expected):
    is_without = expected.code == BROKEN and case.graph.injects_routing and case.ours.code == "OK"
    return case.ours if is_without and case.request.method.endswith("Predict") else None


@DIFFERENCES("Metadata of a graph with nodes that have no component, or no type, is told; the connection breaks.")
def metadata_of_any_graph(case, expected):
    is_asked = case.request.path.endswith("/metadata") or case.request.method.endswith("GraphMetadata")
    return case.ours if expected.code == BROKEN and is_asked and case.ours.code in {200, "OK"} else None


@DIFFERENCES("Feedback that names a branch that does not exist is refused before anything is touched.")
def bad_routing(case, expected):
    if not _names_no_branch(case):
        return None
    if case.request.is_rest and http_status_of(case.request) == 415:
        return case.ours  # a body that says it is something else is not looked into
    if case.request.is_rest:
        return Outcome(400, {"status": failure(400)}, "application/json", case.ours.puid)
    return Outcome("INVALID_ARGUMENT", ANY)


@DIFFERENCES("Feedback that says a router chose nobody (-2) rewards the router alone; the connection breaks.")
def nobody_chosen(case, expected):
    is_nobodys = expected.code == BROKEN and NONE in _told_by_feedback(case).values()
    return case.ours if is_nobodys and not _names_no_branch(case) else None


@DIFFERENCES("Feedback that does not say the way rewards no branch, so that one that refuses it does not matter.")
def unrouted_feedback(case, expected):
    untold = case.graph.choosers().keys() - _told_by_feedback(case).keys()
    is_form = case.request.is_rest and "json" not in (case.request.content_type or "")  # which Go cannot read
    is_refused = case.request.is_feedback and expected.code not in {200, "OK"} and (untold or is_form)
    return case.ours if is_refused else None


@DIFFERENCES("Feedback over gRPC that the root takes no part in is answered with an empty message, not INTERNAL.")
def feedback_without_an_answer(case, expected):
    is_echo = expected.code == "INTERNAL" and "Marshal called with nil" in str(expected.body)
    return replace(expected, code="OK", body={}, puid=case.ours.puid) if is_echo else None


@DIFFERENCES(
    "Bytes that are no message are the component's to refuse over gRPC, as over REST; the executor's words differ."
)
def unreadable_messages(case, expected):
    is_unread = expected.code == "INTERNAL" and "error unmarshalling request" in str(expected.body)
    return Outcome("INTERNAL", "Exception deserializing request!") if is_unread else None


@DIFFERENCES("Routing is injected into answers with NaN too, which Go does not read.")
def odd_numbers_with_routing(case, expected):
    if not case.graph.injects_routing or expected.code != 200 or not _routing(case.ours):
        return None
    has_odd_numbers = "NaN" in json.dumps(expected.body) or "Infinity" in json.dumps(expected.body)
    is_left_out = has_odd_numbers and not _routing(expected) and "meta" in expected.body
    return replace(expected, body=_with_routing(expected.body, _routing(case.ours))) if is_left_out else None


@DIFFERENCES("Numbers stay as they were written where routing is injected; Go makes all of them floats.")
def numbers_stay(case, expected):
    if not case.graph.injects_routing or not case.request.is_rest:
        return None
    return case.ours if _as_go_reads(case.ours.body) == _as_go_reads(expected.body) else None


DIFFERENCES(long_words.reason)(long_words)


def _routing(outcome):
    meta = outcome.body.get("meta") if isinstance(outcome.body, dict) else None
    return meta.get("routing", {}) if isinstance(meta, dict) else {}


def _with_routing(body, routing):
    return body | {"meta": body["meta"] | {"routing": routing}}


def _told_by_feedback(case):
    """Node -> branch, of the choosers of the graph."""
    feedback = feedback_of(case.request) if case.request.is_feedback else None
    told = {} if feedback is None else feedback.response.meta.routing
    return {node: told[node] for node in case.graph.choosers() if node in told}


def _names_no_branch(case):
    choosers = case.graph.choosers()
    return any(not NONE <= branch < choosers[node] for node, branch in _told_by_feedback(case).items())


def _as_go_reads(tree):
    if isinstance(tree, dict):
        return {key: _as_go_reads(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_as_go_reads(value) for value in tree]
    return float(tree) if isinstance(tree, int) and not isinstance(tree, bool) else tree
