"""What a SeldonDeployment is: its typed model, Seldon's defaults, the webhook's rules, and the place of each finding.

Seldon Core 1.17.1 is the measure. Pure: text comes in, deployments or findings go out. Nothing here runs, reads or
writes anything.
"""

from deployments.seldon.claims import claimed_uri, model_uri
from deployments.seldon.defaults import defaulted
from deployments.seldon.differences import between_deployments
from deployments.seldon.documents import documents
from deployments.seldon.environment import container_ports, environment, variables
from deployments.seldon.findings import Finding, InvalidDeployment, RefusedBy, Warned
from deployments.seldon.fused import unfolded
from deployments.seldon.load import load_documents, sound
from deployments.seldon.model import DEFAULT_NAMESPACE, Predictor, SeldonDeployment, Unit
from deployments.seldon.orchestrator import engine_predictor, engine_variables, pod_annotations, podinfo
from deployments.seldon.pods import Container, EnvVar
from deployments.seldon.rules import findings, webhook_message
from deployments.seldon.verdict import Verdict, verdicts

__all__ = [
    "DEFAULT_NAMESPACE",
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
    "between_deployments",
    "claimed_uri",
    "container_ports",
    "defaulted",
    "documents",
    "engine_predictor",
    "engine_variables",
    "environment",
    "findings",
    "load_documents",
    "model_uri",
    "pod_annotations",
    "podinfo",
    "sound",
    "unfolded",
    "variables",
    "verdicts",
    "webhook_message",
]
