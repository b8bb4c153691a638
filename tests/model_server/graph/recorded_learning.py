"""What the learning components of the recordings know at each step, by a rule of who is rewarded.

By Seldon's rule this gives what was recorded (which the test proves before it uses it); by ours, what is expected.
"""

import copy
from dataclasses import dataclass

import numpy as np

LEARNING = {"components.Learns", "components.LearningRouter"}


@dataclass(frozen=True)
class Rule:
    unrouted_reaches_every_branch: bool
    transports_share_an_object: bool


SELDONS = Rule(unrouted_reaches_every_branch=True, transports_share_an_object=False)


class Learners:
    def __init__(self, predictor, rule):
        containers = [c for spec in predictor["componentSpecs"] for c in spec["spec"]["containers"]]
        self.names = {c["name"] for c in containers if c["env"][0]["value"] in LEARNING}
        self._graph = predictor["graph"]
        self._rule = rule
        self._known = {}

    def tell(self, step):
        """Let the learners know of a feedback that was answered with 200."""
        feedback = step.message
        routing = ((feedback.get("response") or {}).get("meta") or {}).get("routing") or {}
        self._reward(self._graph, feedback, routing, self._transport(step))

    def amended(self, tree, step):
        """A message, with what its learner says of itself put right."""
        meta = tree.get("meta") if isinstance(tree, dict) else None
        if not meta or "calls" not in meta.get("tags", {}):
            return tree
        (learner,) = self.names & set(meta["requestPath"])
        known = self._known.get((self._transport(step), learner), {"calls": 0, "reward": 0.0, "last": {}})
        tree = copy.deepcopy(tree)
        tree["meta"]["tags"] |= copy.deepcopy(known)
        return tree

    def _transport(self, step):
        return "both" if self._rule.transports_share_an_object else "rest" if step.is_rest else "grpc"

    def _reward(self, node, feedback, routing, transport):
        for child in self._rewarded_children(node, routing):
            self._reward(child, feedback, routing, transport)
        takes = node.get("type") in {"MODEL", "ROUTER"} or "SEND_FEEDBACK" in (node.get("methods") or [])
        if node["name"] in self.names and takes:
            key = (transport, node["name"])
            before = self._known.get(key, {"calls": 0, "reward": 0.0})
            data = (feedback.get("request") or {}).get("data") or {}
            truth = (feedback.get("truth") or {}).get("data") or {}
            self._known[key] = {
                "calls": before["calls"] + 1,
                "reward": before["reward"] + float(np.float32(feedback.get("reward", 0.0))),
                "last": {
                    "features": data.get("ndarray", []),
                    "names": data.get("names", []),
                    "truth": truth.get("ndarray", []),
                    "routing": routing.get(node["name"]),
                },
            }

    def _rewarded_children(self, node, routing):
        children = node.get("children") or []
        branch = routing.get(node["name"])
        chooses = node.get("type") == "ROUTER" or node.get("implementation") == "RANDOM_ABTEST"
        if not chooses or branch == -1 or (branch is None and self._rule.unrouted_reaches_every_branch):
            return children
        return [] if branch is None or branch < 0 else [children[branch]]
