"""A predictor -> its programs on this machine: what runs in which process, and what each is told. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from deployments.local.localized import localized
from deployments.local.programs import PORT_VARIABLES, ModelFolder, PredictorServer, StockWrapper
from deployments.local.refusals import model_name, server_name
from deployments.seldon import (
    Predictor,
    SeldonDeployment,
    engine_predictor,
    engine_variables,
    model_uri,
    pod_annotations,
)

GRAPH_SERVER: Final = "model_server.graph"
STOCK_WRAPPER: Final = "deployments.local.stock_wrapper"
MATH_THREADS: Final = "OMP_NUM_THREADS"
MOST_PROCESSES: Final = 4
"""Of a predictor: an overlay for a cluster may ask for more replicas than a machine has room for."""
OF_A_STOCK_WRAPPER: Final = {
    MATH_THREADS: "1",
    "GUNICORN_THREADS": "2",  # with one, it closes the connection after each answer
    "GUNICORN_KEEPALIVE": "65",  # seconds; longer than the gateway keeps an idle connection
}
"""What it finds in its environment unless its container says otherwise."""

type Variables = Mapping[str, str]


def predictor_server(
    deployment: SeldonDeployment,
    predictor: Predictor,
    models: Mapping[str, ModelFolder],
    *,
    volumes: Path,
    isolated: bool,
    python: str,
) -> PredictorServer:
    """What runs for a predictor; `models` has the local folder of each `modelUri` and of each path on a claim."""
    own_models = {
        unit.name: models[uri] for unit in predictor.graph.walk() if (uri := model_uri(unit, predictor) or "") in models
    }
    folders = {node: str(model.path) for node, model in own_models.items()}
    told = engine_predictor(localized(deployment, models), predictor, folders)
    containers = list(_containers(told))
    described = {
        **told,
        "graph": _graph_of_this_machine(told["graph"], own_models),
        "componentSpecs": [{"spec": {"containers": [_listed(*container) for container in containers]}}],
    }
    of_nodes = {name: variables for name, _, variables in containers}
    wrappers = [
        StockWrapper(
            unit.name, (python, "-m", STOCK_WRAPPER, class_name), {**OF_A_STOCK_WRAPPER, **of_nodes[unit.name]}
        )
        for unit in predictor.graph.walk()
        if isolated and (class_name := model_name(predictor, unit))
    ]
    elsewhere = {wrapper.node for wrapper in wrappers}
    here = [unit.name for unit in predictor.graph.walk() if unit.name in of_nodes and unit.name not in elsewhere]
    whose = ("--sdep", deployment.name, "--namespace", deployment.namespace, "--predictor", predictor.name)
    return PredictorServer(
        name=server_name(deployment, predictor),
        predictor=predictor.name,
        argv=(
            *(python, "-m", GRAPH_SERVER, *whose),
            *("--workers", str(processes_of(deployment, predictor))),
            *("--volumes", str(volumes.resolve())),
        ),
        variables=_of_one_process([of_nodes[name] for name in here]) | engine_variables(deployment, predictor),
        described=described,
        annotations=pod_annotations(deployment, predictor),
        models=own_models,
        wrappers=tuple(wrappers),
    )


def processes_of(deployment: SeldonDeployment, predictor: Predictor) -> int:
    """How many processes answer for a predictor here: one for each replica of the pod that holds its orchestrator."""
    asked = [component.replicas for component in predictor.component_specs[:1]]
    replicas = next((each for each in (*asked, predictor.replicas, deployment.spec.replicas) if each is not None), 1)
    return max(1, min(replicas, MOST_PROCESSES))


def _containers(told: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Name, image and variables of each container.

    The operator's ports depend on the other predictors; ours are given later, and a restart must not hang on them.
    """
    for pod in told["componentSpecs"]:
        for container in pod["spec"]["containers"]:
            variables = {each["name"]: each["value"] for each in container["env"]}
            own = {name: value for name, value in variables.items() if name not in PORT_VARIABLES}
            yield container["name"], container["image"], own


def _listed(name: str, image: str, variables: Variables) -> dict[str, Any]:
    return {
        "name": name,
        "image": image,
        "env": [{"name": key, "value": value} for key, value in variables.items()],
    }


def _graph_of_this_machine(node: Mapping[str, Any], models: Mapping[str, ModelFolder]) -> dict[str, Any]:
    """The graph without a cluster's endpoints, and with the folders of this machine."""
    own = {key: value for key, value in node.items() if key not in {"endpoint", "children"}}
    if node.get("modelUri") and node["name"] in models:
        own["modelUri"] = models[node["name"]].path.as_uri()
    children = [_graph_of_this_machine(child, models) for child in node.get("children", ())]
    return {**own, **({"children": children} if children else {})}


def _of_one_process(containers: Sequence[Variables]) -> dict[str, str]:
    """What the containers' variables come to in the one process that takes their place.

    It has those that all of them agree on; what differs is for each component alone, and the graph server sees to it.
    A library that computes has as many threads as the container that asks for most, and one if none asks.
    """
    shared = set.intersection(*(set(variables.items()) for variables in containers)) if containers else set()
    asked = [int(threads) for each in containers if (threads := each.get(MATH_THREADS, "")).isdecimal()]
    return dict(sorted(shared)) | {MATH_THREADS: str(max(asked, default=1))}
