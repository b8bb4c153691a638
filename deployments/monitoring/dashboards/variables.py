"""What the reader of a dashboard chooses: where the data is, which deployment, which of its predictors."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models import dashboard as model

from deployments.monitoring.dashboards.queries import NAMESPACE, select
from model_server import metric_names as names

type Variable = build.QueryVariable | build.DatasourceVariable

DATASOURCE: Final = model.DataSourceRef(type_val="prometheus", uid="${datasource}")
"""Whichever Prometheus the reader has; no dashboard knows a particular one."""
ANY: Final = ".+"
"""What "All" stands for. Unlike Grafana's own list of all, it matches no label that is empty or missing."""

_OF_A_SERVER = f"{names.EXECUTOR_SERVER}_count"


def everywhere() -> list[Variable]:
    """Those of each dashboard, so that links between them keep what was chosen."""
    named = 'predictor_name!=""'
    deployment = 'deployment_name=~"$deployment"'
    return [
        build.DatasourceVariable("datasource").label("Data source").type("prometheus"),
        chosen("namespace", "Namespace", select(_OF_A_SERVER, named)),
        chosen("deployment", "Deployment", select(_OF_A_SERVER, named, NAMESPACE), label_name="deployment_name"),
        _several(
            chosen(
                "predictor",
                "Predictors",
                select(_OF_A_SERVER, named, NAMESPACE, deployment),
                label_name="predictor_name",
            )
        ),
    ]


def baseline() -> Variable:
    """The predictor that others are compared with."""
    series = select(_OF_A_SERVER, 'predictor_name!=""', NAMESPACE, 'deployment_name=~"$deployment"')
    variable = chosen("baseline", "Compare with", series, label_name="predictor_name")
    return variable.current(model.VariableOption(text="champion", value="champion"))


def window() -> Variable:
    """How many requests a drift window holds."""
    series = select(names.DRIFT_SAMPLE_SIZE, NAMESPACE, 'deployment_name=~"$deployment"')
    variable = chosen("window", "Drift window", series, label_name=names.WINDOW_LABEL)
    return variable.sort(model.VariableSort.NUMERICAL_ASC).description("Requests in each window that is compared")


def pod() -> Variable:
    return _several(chosen("pod", "Pods", select(names.IN_FLIGHT, NAMESPACE)))


def chosen(name: str, label: str, series: str, *, label_name: str = "") -> build.QueryVariable:
    """One value of a label of `series`, the first one to begin with; of the label called `name` unless told."""
    return (
        build.QueryVariable(name)
        .label(label)
        .datasource(DATASOURCE)
        .query(f"label_values({series}, {label_name or name})")
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.ALPHABETICAL_ASC)
    )


def _several(variable: build.QueryVariable) -> build.QueryVariable:
    """Any number of them, all to begin with."""
    everything = model.VariableOption(text=["All"], value=["$__all"], selected=True)
    return variable.multi(multi=True).include_all(include_all=True).all_value(ANY).current(everything)
