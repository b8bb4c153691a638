"""PromQL fragments: what every query of ours is made of. Pure text; metric names come from `metric_names`.

A fragment binds at least as tightly as a division, so that fragments can be added, subtracted and compared without more
brackets.
"""

from __future__ import annotations

from typing import Final

from model_server import metric_names as names

NAMESPACE: Final = 'namespace=~"$namespace"'
DEPLOYMENT: Final = (NAMESPACE, 'deployment_name=~"$deployment"')
PREDICTOR: Final = (*DEPLOYMENT, 'predictor_name=~"$predictor"')
"""The chosen ones. What a component in a container of its own tells under the executor's names has no predictor."""
EVERY_PREDICTOR: Final = (*DEPLOYMENT, 'predictor_name!=""')
"""Where a share is of the whole deployment, whichever predictors the reader has chosen to see."""
CREDITED: Final = (*DEPLOYMENT, 'credited_predictor!=""')
"""All arms: behind a router they are no predictors, so that the reader's choice of those says nothing about them."""
POD: Final = (NAMESPACE, 'pod=~"$pod"')
"""What a graph server tells of itself carries no names of Seldon's, only those of the scraped target."""

PREDICTIONS: Final = 'service=~"predictions|/seldon.protos.Seldon/Predict"'
"""As Seldon's executor calls them over REST and over gRPC; feedback and probes are not requests for a prediction."""
FAULTS: Final = 'code=~"5..|429|Unknown|Internal|Unavailable|DeadlineExceeded|ResourceExhausted|DataLoss"'
"""The server's fault, no room included. The caller's own (400, InvalidArgument) is no fault of the service."""
ANSWERED: Final = 'code=~"200|OK"'
ERRORS: Final = 'code!~"2..|OK"'
SHADOW: Final = 'role="shadow"'
LIVE: Final = 'role="live"'


def counter(name: str) -> str:
    """Its name as it is exposed."""
    return f"{name}_total"


def select(metric: str, *matchers: str) -> str:
    return f"{metric}{{{', '.join(matchers)}}}"


def rate(metric: str, *matchers: str) -> str:
    """Per second, over four scrapes at least."""
    return f"rate({select(metric, *matchers)}[$__rate_interval])"


def increase(metric: str, *matchers: str) -> str:
    """Over all the time that is shown: only for instant queries."""
    return f"increase({select(metric, *matchers)}[$__range])"


def total(vector: str, *by: str) -> str:
    return f"sum by ({', '.join(by)}) ({vector})" if by else f"sum({vector})"


def highest(vector: str, *by: str) -> str:
    """Of gauges that each replica tells for itself."""
    return f"max by ({', '.join(by)}) ({vector})"


def lowest(vector: str, *by: str) -> str:
    return f"min by ({', '.join(by)}) ({vector})"


def ratio(part: str, whole: str) -> str:
    """Nothing, rather than not a number, where the whole is 0."""
    return f"{part} / ({whole} > 0)"


def ratio_within(part: str, whole: str, *on: str) -> str:
    """`ratio` where `part` has labels more than `whole`, which share those named in `on`."""
    return f"{part} / on ({', '.join(on)}) group_left () ({whole} > 0)"


def or_zero(vector: str, whole: str) -> str:
    """0 for each series of `whole` of which `vector` knows nothing yet: a counter appears with its first event."""
    return f"({vector} or 0 * {whole})"


def or_none(vector: str, whole: str, label: str, *on: str) -> str:
    """0, its `label` "none", for each series of `whole` of which `vector` has nothing with the same labels `on`."""
    return f'({vector} or on ({", ".join(on)}) label_replace(0 * {whole}, "{label}", "none", "", ""))'


def quantile(level: float, histogram: str, *matchers: str, by: tuple[str, ...] = ()) -> str:
    """Interpolated within buckets, so as exact as those are: Seldon's executor's begin at 5 ms."""
    return f"histogram_quantile({level}, {total(rate(f'{histogram}_bucket', *matchers), 'le', *by)})"


def mean(histogram: str, *matchers: str, by: tuple[str, ...] = ()) -> str:
    """Of what a histogram observed; exact, whatever its buckets are."""
    return ratio(
        total(rate(f"{histogram}_sum", *matchers), *by),
        total(rate(f"{histogram}_count", *matchers), *by),
    )


def requests(*matchers: str, by: tuple[str, ...] = ("predictor_name",), whole_range: bool = False) -> str:
    """Predictions per second, or all of them, that the chosen predictors were asked for."""
    of = increase if whole_range else rate
    return total(of(f"{names.EXECUTOR_SERVER}_count", *(matchers or PREDICTOR), PREDICTIONS), *by)


A_SHADOW: Final = select(names.TRAFFIC_PERCENT, *DEPLOYMENT, SHADOW)


def weights(*matchers: str, by: tuple[str, ...] = ("predictor_name",)) -> str:
    """What the manifest gives each predictor, in percent."""
    return highest(select(names.TRAFFIC_PERCENT, *(matchers or PREDICTOR)), *by)


def live(vector: str) -> str:
    """Without the predictors that are shadows; all of them, where nobody tells what the manifest says."""
    return f"({vector} unless on (predictor_name) {A_SHADOW})"


def shadows(vector: str) -> str:
    """Of the predictors that are shadows."""
    return f"({vector} and on (predictor_name) {A_SHADOW})"


def while_shadowed(vector: str) -> str:
    """All of it, as long as any predictor is a shadow."""
    return f"({vector} and on () {A_SHADOW})"
