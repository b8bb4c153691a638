"""What a SeldonDeployment is: its typed model, Seldon's defaults, the webhook's rules, and the place of each finding.

Seldon Core 1.17.1 is the measure. Pure: text comes in, deployments or findings go out. Nothing here runs, reads or
writes anything.
"""

from deployments.seldon.defaults import defaulted
from deployments.seldon.environment import container_ports, environment, variables
from deployments.seldon.findings import Finding, InvalidDeployment, RefusedBy, Warned
from deployments.seldon.load import load_documents
from deployments.seldon.model import Predictor, SeldonDeployment, Unit
from deployments.seldon.orchestrator import engine_predictor, engine_variables, pod_annotations, podinfo
from deployments.seldon.pods import Container, EnvVar
from deployments.seldon.rules import findings, webhook_message
from deployments.seldon.verdict import Verdict, verdicts

__all__ = [
    "Container",
    "EnvVar",
    "Finding",
    "InvalidDeployment",
    "Predictor",
    "RefusedBy",
    "SeldonDeployment",
    "Unit",
    "Verdict",
    "Warned",
    "container_ports",
    "defaulted",
    "engine_predictor",
    "engine_variables",
    "environment",
    "findings",
    "load_documents",
    "pod_annotations",
    "podinfo",
    "variables",
    "verdicts",
    "webhook_message",
]
