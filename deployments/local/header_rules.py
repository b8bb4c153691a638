"""A deployment that takes another one's requests by a header, as Ambassador's annotations say. Pure.

seldon.io/ambassador-service-name: main             # whose path, and whose gRPC
seldon.io/ambassador-header: "location: london"     # which of its requests; a bare name: whatever its value
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from deployments.local.plan import HeaderRule
from deployments.seldon import SeldonDeployment

SERVICE_NAME: Final = "seldon.io/ambassador-service-name"
HEADER: Final = "seldon.io/ambassador-header"
REGEX_HEADER: Final = "seldon.io/ambassador-regex-header"

_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, a token
_VALUE: Final = re.compile(r"[ -~]+")


def path_name(deployment: SeldonDeployment) -> str:
    """The name in the path and in the gRPC metadata by which it is reached."""
    return deployment.annotations.get(SERVICE_NAME) or deployment.name


def header_rule(deployment: SeldonDeployment) -> HeaderRule | None:
    """Which requests of its path it takes; None takes all that no other deployment takes."""
    text = deployment.annotations.get(HEADER, "")
    name, colon, value = text.partition(":")
    return HeaderRule(name.strip().lower(), value.strip() if colon else None) if text else None


def refusals(deployments: Sequence[SeldonDeployment]) -> Iterator[str]:
    """What a cluster shares out in a way of its own, or what is no rule."""
    for deployment in deployments:
        yield from _of_deployment(deployment)
    reached = Counter((each.namespace, path_name(each), header_rule(each)) for each in deployments)
    for (namespace, name, rule), times in reached.items():
        if times > 1:
            which = f"with the header {rule}" if rule else "without a header"
            yield (
                f"{times} deployments take the requests of /seldon/{namespace}/{name} {which}; Ambassador would share "
                f"them out evenly. Give each a header of its own ({HEADER}), or put the predictors into one deployment"
            )


def _of_deployment(deployment: SeldonDeployment) -> Iterator[str]:
    if deployment.annotations.get(REGEX_HEADER):
        yield f"{deployment.name}: annotation {REGEX_HEADER}, which Seldon does not look at; use {HEADER}"
    name = path_name(deployment)
    if not re.fullmatch(r"[-.a-z0-9]+", name):
        yield f'{deployment.name}: annotation {SERVICE_NAME} is "{name}"; the name of a SeldonDeployment is accepted'
    rule = header_rule(deployment)
    if rule is None:
        return
    if not _NAME.fullmatch(rule.name) or (rule.value is not None and not _VALUE.fullmatch(rule.value)):
        text = deployment.annotations[HEADER]
        yield f'{deployment.name}: annotation {HEADER} is "{text}"; "name: value" or a bare name is accepted'
