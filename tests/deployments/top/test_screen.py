"""What a person reads: shares beside weights, and what is said of each arm."""

from rich.console import Console

from deployments.experiment.mean_rewards import Comparison, Rewards
from deployments.monitoring.desired_state import Share
from deployments.top.readings import Counts, Reading
from deployments.top.screen import Looks, as_data, rows_of, table

NOTHING = Reading({"page": {}}, {})


def share(name, percent=50, role="live", deployment="xgboost"):
    return Share("seldon", deployment, name, role, percent)


def reading(requests=None, rewards=None):
    def of(found):
        return {("xgboost", name): each for name, each in (found or {}).items()}

    counts = of({name: Counts(requests=n) for name, n in (requests or {}).items()})
    return Reading({"page": counts}, {"page": of(rewards)})


def drawn(rows):
    console = Console(width=200)
    with console.capture() as captured:
        console.print(table(rows))
    return captured.get()


def test_shares_are_of_the_requests_between_two_looks_and_a_shadow_has_none_of_them():
    shares = [share("champion", 100), share("challenger", 100, "shadow")]
    before, now = reading({"champion": 100, "challenger": 10}), reading({"champion": 300, "challenger": 210})
    champion, shadow = rows_of(shares, Looks(before, now, 2.0))
    assert (champion.share_percent, champion.requests_per_second) == (100, 100)
    assert (shadow.share_percent, shadow.verdict) == (100, None)
    assert "challenger (shadow)" in drawn([champion, shadow])


def test_each_arm_is_compared_with_the_first():
    now = reading({}, {"champion": Rewards(20_000, 800), "challenger": Rewards(20_000, 1_200)})
    champion, challenger = rows_of([share("champion"), share("challenger")], Looks(NOTHING, now, 1.0))
    assert champion.verdict is None
    assert (challenger.against, challenger.verdict.comparison) == ("champion", Comparison.BETTER)
    assert "better: +" in drawn([champion, challenger])


def test_arms_behind_a_router_have_rows_of_their_own():
    now = reading({"arms": 100}, {"champion": Rewards(10, 1), "challenger": Rewards(10, 2)})
    rows = rows_of([share("arms", 100)], Looks(NOTHING, now, 1.0))
    assert [(row.name, row.role) for row in rows] == [("arms", "live"), ("challenger", "arm"), ("champion", "arm")]
    assert "too early" in drawn(rows)


def test_what_nobody_knows_is_a_dash_or_null_and_never_a_wrong_number():
    [row] = rows_of([share("champion")], Looks(NOTHING, NOTHING, 1.0))
    assert row.requests_per_second == 0
    [data] = as_data([row])
    assert data["share_percent"] is None
    assert data["p99_milliseconds"] is None
    assert "nan" not in drawn([row])


def test_two_deployments_are_told_apart():
    shares = [share("champion"), share("champion", deployment="other")]
    assert "other/champion" in drawn(rows_of(shares, Looks(NOTHING, NOTHING, 1.0)))
