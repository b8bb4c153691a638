"""What feedback teaches: per row or as a whole, to the arm that answered, and nothing where it is wrong."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from router_messages import as_proto, as_tree, feedback

from model_server.routers.errors import InvalidFeedback
from model_server.routers.feedback import Lesson, lesson_of

ARMS = ("champion", "challenger")
FORMS = pytest.mark.parametrize("form", [as_tree, lambda message: as_proto(message, "Feedback")])


def lesson(message, router="router"):
    return lesson_of(message, router, ARMS)


@FORMS
@pytest.mark.parametrize("reward", [0, 1, 0.25, None])
def test_a_reward_is_one_trial_zero_and_unsaid_included(form, reward):
    assert lesson(form(feedback("challenger", reward))) == Lesson("challenger", (float(reward or 0),), "")


@FORMS
@pytest.mark.parametrize(
    "truth",
    [
        {"data": {"ndarray": [0, 1, 0.5]}},
        {"data": {"ndarray": [[0], [1], [0.5]]}},
        {"data": {"tensor": {"shape": [3], "values": [0, 1, 0.5]}}},
        {"data": {"tensor": {"shape": [3, 1], "values": [0, 1, 0.5]}}},
    ],
)
def test_truth_holds_a_reward_for_each_row(form, truth):
    told = lesson(form(feedback("champion", 1, truth=truth, n_rows=3)))
    assert told.rewards == (0.0, 1.0, 0.5)


@FORMS
@pytest.mark.parametrize("truth", [{}, {"data": {"ndarray": []}}, {"strData": "installed"}, {"jsonData": {"label": 1}}])
def test_a_truth_without_numbers_leaves_the_reward(form, truth):
    assert lesson(form(feedback("champion", 1, truth=truth))).rewards == (1.0,)


@FORMS
@pytest.mark.parametrize(
    ("arm", "routing", "credited"),
    [
        ("challenger", {}, "challenger"),
        (None, {"router": 1}, "challenger"),
        ("challenger", {"router": 1, "challenger": -1}, "challenger"),
        ("below", {"router": 0, "below": 1}, "champion"),  # the tag is that of a router further down
        (None, {}, None),
        (None, {"another": 1}, None),
        ("below", {}, None),
    ],
)
def test_the_arm_is_the_one_that_answered(form, arm, routing, credited):
    assert lesson(form(feedback(arm, 1, routing=routing))).arm == credited


@FORMS
@pytest.mark.parametrize(
    ("arm", "routing", "told"),
    [
        ("champion", {"router": 1}, "it was champion"),
        (None, {"router": 2}, "says 2"),
        (None, {"router": -1}, "says -1"),
        (None, {"router": -2}, "says -2"),
    ],
)
def test_an_arm_that_cannot_be_is_refused(form, arm, routing, told):
    with pytest.raises(InvalidFeedback, match=told):
        lesson(form(feedback(arm, 1, routing=routing)))


@FORMS
@pytest.mark.parametrize("reward", [-0.01, 1.01, -1, 7])
def test_a_reward_beyond_0_and_1_is_refused(form, reward):
    with pytest.raises(InvalidFeedback, match=r"the reward is .* from 0 to 1"):
        lesson(form(feedback("champion", reward)))


@pytest.mark.parametrize("reward", [True, False, "1", None, [1], math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_refused_where_it_shows(reward):
    with pytest.raises(InvalidFeedback):
        lesson({**feedback("champion"), "reward": reward})


@pytest.mark.parametrize("reward", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_refused_over_grpc(reward):
    message = as_proto(feedback("champion"), "Feedback")
    message.reward = reward
    with pytest.raises(InvalidFeedback):
        lesson(message)


@FORMS
@pytest.mark.parametrize("cell", [True, "1", None, 2, -1, [0, 1], {"reward": 1}])
def test_a_truth_of_anything_else_is_refused_by_its_row(form, cell):
    cells = [cell, 0, 0]
    with pytest.raises(InvalidFeedback, match="truth, row 0"):
        lesson(form(feedback("champion", 1, truth={"data": {"ndarray": cells}}, n_rows=3)))


@FORMS
def test_a_truth_of_other_rows_is_refused(form):
    with pytest.raises(InvalidFeedback, match="3 rewards for 2 rows"):
        lesson(form(feedback("champion", 1, truth={"data": {"ndarray": [0, 1, 0]}}, n_rows=2)))


@FORMS
def test_the_id_is_the_responses_else_the_requests(form):
    message = feedback("champion", 1)
    message["request"]["meta"] = {"puid": "asked"}
    assert lesson(form(message)).request_id == "asked"
    message["response"]["meta"]["puid"] = "answered"
    assert lesson(form(message)).request_id == "answered"


def test_a_router_that_does_not_know_its_name_goes_by_the_tag():
    assert lesson(feedback("champion", 1, routing={"": 1}), router="").arm == "champion"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["meta", "tags", "arm", "routing", "router", "data", "ndarray", "tensor", "shape", "values"]
            ),
            inner,
            max_size=4,
        )
    ),
)


@given(st.dictionaries(st.sampled_from(["request", "response", "reward", "truth"]), json_values))
def test_any_feedback_is_a_lesson_or_refused(message):
    try:
        told = lesson(message)
    except InvalidFeedback:
        return
    assert all(0 <= reward <= 1 for reward in told.rewards)
    assert told.arm in {None, *ARMS}
