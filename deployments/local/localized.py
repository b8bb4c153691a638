"""A deployment with the paths of this machine in the place of those in a pod: what is mounted of a claim. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from deployments.local.programs import ModelFolder
from deployments.seldon import EnvVar, Predictor, SeldonDeployment, Unit, claimed_uri


def claimed_uris(predictor: Predictor) -> Iterator[str]:
    """pvc:// of every parameter, and of every variable of a graph node's container, that is a path on a claim."""
    for unit in predictor.graph.walk():
        container = predictor.container(unit.name)
        values = [parameter.value for parameter in unit.parameters]
        values += [variable.value or "" for variable in container.env] if container else []
        yield from filter(None, (claimed_uri(value, predictor, unit.name) for value in values))


def localized(deployment: SeldonDeployment, models: Mapping[str, ModelFolder]) -> SeldonDeployment:
    """The deployment with the folder in `models` for each path on a claim; other paths stay as they are."""
    predictors = tuple(_predictor(predictor, models) for predictor in deployment.spec.predictors)
    return deployment.model_copy(update={"spec": deployment.spec.model_copy(update={"predictors": predictors})})


def _predictor(predictor: Predictor, models: Mapping[str, ModelFolder]) -> Predictor:
    def here(value: str, node: str) -> str:
        model = models.get(claimed_uri(value, predictor, node) or "")
        return value if model is None else str(model.path)

    def unit(one: Unit) -> Unit:
        parameters = tuple(each.model_copy(update={"value": here(each.value, one.name)}) for each in one.parameters)
        children = tuple(unit(child) for child in one.children)
        changed = {"parameters": parameters, "children": children}
        return one.model_copy(update={key: value for key, value in changed.items() if value})

    def variable(one: EnvVar, node: str) -> EnvVar:
        return one if one.value is None else one.model_copy(update={"value": here(one.value, node)})

    specs = []
    for component in predictor.component_specs:
        containers = tuple(
            each.model_copy(update={"env": tuple(variable(one, each.name) for one in each.env)})
            for each in component.spec.containers
        )
        spec = component.spec.model_copy(update={"containers": containers})
        specs.append(component.model_copy(update={"spec": spec}))
    return predictor.model_copy(update={"graph": unit(predictor.graph), "component_specs": tuple(specs)})
