"""Each rule of Seldon's webhook: an input, Seldon's own words, and the lines that the reader is sent to.

`# here` marks the line of each finding, in order. The expected words were answered by Seldon Core's operator 1.17.1.
"""

import pytest

from deployments.seldon import InvalidDeployment, RefusedBy, load_documents, verdicts, webhook_message
from deployments.seldon.findings import go_quoted

HEAD = """\
apiVersion: machinelearning.seldon.io/v1
kind: SeldonDeployment
metadata: {name: xgboost}
"""

CASES = {
    "a protocol outside the set": (
        """
spec:
  protocol: grpc  # here
  predictors:
  - {name: a, graph: {name: m}, componentSpecs: [{spec: {containers: [{name: m}]}}]}
""",
        ['spec: Invalid value: "grpc": Invalid protocol'],
    ),
    "a protocol in the wrong case": (
        """
spec:
  protocol: SELDON  # here
  predictors:
  - {name: a, graph: {name: m}, componentSpecs: [{spec: {containers: [{name: m}]}}]}
""",
        ['spec: Invalid value: "SELDON": Invalid protocol'],
    ),
    "a transport and a server type outside their sets": (
        """
spec:
  transport: http  # here
  serverType: amqp  # here
  predictors:
  - {name: a, graph: {name: m}, componentSpecs: [{spec: {containers: [{name: m}]}}]}
""",
        ['spec: Invalid value: "http": Invalid transport', 'spec: Invalid value: "amqp": Invalid serverType'],
    ),
    "no predictors, shown with the transport as their value": (
        """
spec:
  transport: grpc
  predictors: []  # here
""",
        ['spec: Invalid value: "grpc": Graph contains no predictors'],
    ),
    "kafka without its variables": (
        """
spec:
  serverType: kafka
  predictors:
  - name: a
    graph: {name: m}
    componentSpecs: [{spec: {containers: [{name: m}]}}]
    svcOrchSpec:
      env:  # here
      - {name: KAFKA_BROKER, value: x}
      - {name: KAFKA_INPUT_TOPIC, value: x}
""",
        [
            (
                'spec.predictors[0]: Invalid value: "a": For kafka please supply svcOrchSpec envs '
                "KAFKA_BROKER, KAFKA_INPUT_TOPIC, KAFKA_OUTPUT_TOPIC"
            )
        ],
    ),
    "kafka without its variables for a shadow alone, kafka first": (
        """
spec:
  serverType: kafka
  predictors:
  - name: a
    shadow: true  # here
    graph: {name: m}
    componentSpecs: [{spec: {containers: [{name: m}]}}]
    svcOrchSpec: {}  # here
""",
        [
            (
                'spec.predictors[0]: Invalid value: "a": For kafka please supply svcOrchSpec envs '
                "KAFKA_BROKER, KAFKA_INPUT_TOPIC, KAFKA_OUTPUT_TOPIC"
            ),
            'spec.predictors[0]: Invalid value: "a": Shadow can not exist as only predictor',
        ],
    ),
    "a shadow alone": (
        """
spec:
  predictors:
  - name: dark
    shadow: true  # here
    traffic: 50
    graph: {name: m}
    componentSpecs: [{spec: {containers: [{name: m}]}}]
""",
        ['spec.predictors[0]: Invalid value: "dark": Shadow can not exist as only predictor'],
    ),
    "two shadows alone, one beyond 100: no word about the missing live one": (
        """
spec:
  predictors:
  - name: b
    shadow: true
    traffic: 101  # here
    graph: {name: m}
    componentSpecs: [{spec: {containers: [{name: m}]}}]
  - name: a
    shadow: true  # here
    traffic: 10
    graph: {name: m}
    componentSpecs: [{spec: {containers: [{name: m}]}}]
""",
        [
            'spec: Invalid value: "b": shadow traffic is illegal, the traffic number should be between [0, 100]',
            'spec: Invalid value: "a": Multiple shadows are not allowed',
        ],
    ),
    "one service name thrice": (
        """
spec:
  predictors:
  - {name: a, traffic: 50, annotations: {seldon.io/svc-name: s}, graph: &graph {name: m},
     componentSpecs: &pods [{spec: {containers: [{name: m}]}}]}
  - name: b
    traffic: 50
    annotations:
      seldon.io/svc-name: s  # here
    graph: *graph
    componentSpecs: *pods
  - name: c
    annotations:
      seldon.io/svc-name: s  # here
    graph: *graph
    componentSpecs: *pods
""",
        [
            'spec.predictors[1]: Invalid value: "b": Found duplicate service name in seldon.io/svc-name with value s',
            'spec.predictors[2]: Invalid value: "c": Found duplicate service name in seldon.io/svc-name with value s',
        ],
    ),
    "one name twice, no engine and no container, in the webhook's order": (
        """
spec:
  predictors:
  - {name: a, traffic: 50, graph: {name: m}, componentSpecs: [{spec: {containers: [{name: m}]}}]}
  - traffic: 50
    annotations:
      seldon.io/no-engine: ""  # here
    name: a  # here
    graph:
      name: z  # here
      children: [{name: m}]
    componentSpecs: [{spec: {containers: [{name: m}]}}]
""",
        [
            'spec.predictors[1]: Invalid value: "a": Running without engine only valid for single element graphs',
            'spec.predictors[1]: Invalid value: "a": Duplicate predictor name',
            'spec.predictors[1].graph: Invalid value: "z": Can\'t find container for Predictive Unit',
        ],
    ),
    "a node whose name is no container's, spelled as Go spells it": (
        """
spec:
  predictors:
  - name: a
    graph:
      name: "z\\"\\\\\\u00e9\\t\\u2028"  # here
    componentSpecs: [{spec: {containers: [{name: m}]}}]
""",
        [
            (r'spec.predictors[0].graph: Invalid value: "z\"\\é\t\u2028": Can' "'t find container for Predictive Unit"),
        ],
    ),
    "an unknown type without methods": (
        """
spec:
  predictors:
  - name: a
    graph:
      name: m
      type: UNKNOWN_TYPE  # here
      methods: []
    componentSpecs: [{spec: {containers: [{name: m}]}}]
""",
        [
            (
                'spec.predictors[0].graph: Invalid value: "m": Predictive Unit has no implementation methods defined. '
                "Change to a known type or add what methods it defines"
            )
        ],
    ),
    "a server without a model, which cannot speak tensorflow": (
        """
spec:
  protocol: tensorflow
  predictors:
  - name: a
    graph:  # here
      name: z
      implementation: XGBOOST_SERVER  # here
""",
        [
            (
                'spec.predictors[0].graph: Invalid value: "z": Predictive unit modelUri required when using '
                "standalone servers"
            ),
            (
                'spec.predictors[0].graph: Invalid value: "z": Prepackaged server does not handle tensorflow protocol '
                "XGBOOST_SERVER"
            ),
        ],
    ),
    "a server that nobody knows, its container without an image": (
        """
spec:
  predictors:
  - name: a
    graph:
      name: m
      implementation: LIGHTGBM_SERVER  # here
      modelUri: s3://bucket/model
    componentSpecs: [{spec: {containers: [{name: m, image: ""}]}}]
""",
        ['spec.predictors[0].graph: Invalid value: "m": No entry in predictors map for LIGHTGBM_SERVER'],
    ),
    "loggers without mode, below one another, with Seldon's paths of children": (
        """
spec:
  predictors:
  - name: a
    componentSpecs: [{spec: {containers: [{name: m}]}}]
    graph:
      name: m
      logger: {mode: ""}  # here
      children:
      - name: m
        children:
        - name: q  # here
          logger: {}  # here
        - name: m
          logger:  # here
            url: http://collector
      - name: w  # here
""",
        [
            'spec.predictors[0].graph: Invalid value: "": No logger mode specified',
            'spec.predictors[0].graph[0][0]: Invalid value: "q": Can\'t find container for Predictive Unit',
            'spec.predictors[0].graph[0][0]: Invalid value: "": No logger mode specified',
            'spec.predictors[0].graph[0][1]: Invalid value: "": No logger mode specified',
            'spec.predictors[0].graph[1]: Invalid value: "w": Can\'t find container for Predictive Unit',
        ],
    ),
    "two endpoint types, whatever the transport": (
        """
spec:  # here
  transport: grpc
  predictors:
  - name: a
    graph: {name: m, endpoint: {type: REST}, children: [{name: m, endpoint: {type: rest}}]}
    componentSpecs: [{spec: {containers: [{name: m}]}}]
""",
        [
            (
                'spec: Invalid value: "": Multiple endpoint.types found - can only have 1 type in graph. '
                "Please use spec.transport"
            )
        ],
    ),
    "an endpoint type against the transport, of a child alone": (
        """
spec:
  transport: rest  # here
  predictors:
  - name: a
    graph: {name: m, children: [{name: m, endpoint: {type: GRPC}}]}
    componentSpecs: [{spec: {containers: [{name: m}]}}]
""",
        [
            (
                'spec: Invalid value: "": Mixed transport types found. Remove graph endpoint.types if transport set at '
                "deployment level"
            )
        ],
    ),
    "live traffic of 90, the shadow's not counted and yet shown": (
        """
spec:
  predictors:
  - {name: dark, shadow: true, graph: {name: m}, componentSpecs: [{spec: {containers: [{name: m}]}}],
     traffic: 10}  # here
  - {name: a, traffic: 50, graph: {name: m}, componentSpecs: [{spec: {containers: [{name: m}]}}]}
  - {name: b, traffic: 40, graph: {name: m}, componentSpecs: [{spec: {containers: [{name: m}]}}]}
""",
        ['spec: Invalid value: "dark": Traffic must sum to 100 for multiple predictors'],
    ),
    "a negative shadow": (
        """
spec:
  predictors:
  - {name: a, graph: {name: m}, componentSpecs: [{spec: {containers: [{name: m}]}}]}
  - name: dark
    shadow: true
    traffic: -1  # here
    graph: {name: m}
    componentSpecs: [{spec: {containers: [{name: m}]}}]
""",
        ['spec: Invalid value: "dark": shadow traffic is illegal, the traffic number should be between [0, 100]'],
    ),
    "a single predictor with half the traffic": (
        """
spec:
  predictors:
  - name: a
    graph: {name: m}
    componentSpecs: [{spec: {containers: [{name: m}]}}]
    traffic: 50  # here
""",
        ['spec: Invalid value: "a": Traffic must sum be 100 for a single predictor when set'],
    ),
}

ADMITTED = {
    "traffic that sums to 100 by a negative share": (
        "[{traffic: -50, name: a, <<: *rest}, {traffic: 150, name: b, <<: *rest}]"
    ),
    "a single predictor with more than all": "[{traffic: 250, name: a, <<: *rest}]",
    "a single predictor with none": "[{traffic: 0, name: a, <<: *rest}]",
    "one live predictor with 70 beside a shadow": (
        "[{traffic: 70, name: a, <<: *rest}, {traffic: 30, shadow: true, name: b, <<: *rest}]"
    ),
    "a shadow without traffic": "[{traffic: 100, name: a, <<: *rest}, {shadow: true, name: b, <<: *rest}]",
    "one variable of kafka three times": (
        "[{name: a, <<: *rest, svcOrchSpec: {env: [{name: KAFKA_BROKER}, {name: KAFKA_BROKER}, {name: KAFKA_BROKER}]}}]"
        "\n  serverType: kafka"
    ),
    "a server that needs no model": "[{name: a, graph: {name: z, implementation: HUGGINGFACE_SERVER}}]",
    "a graph of built-in nodes with unknown types": (
        "[{name: a, graph: {name: ab, implementation: RANDOM_ABTEST, type: UNKNOWN_TYPE, children: [{name: m}]},"
        " componentSpecs: [{spec: {containers: [{name: m}]}}]}]"
    ),
    "the container in the second componentSpec too": (
        "[{name: a, graph: {name: x, children: [{name: m}]},"
        " componentSpecs: [{spec: {containers: [{name: x}]}}, {spec: {containers: [{name: m}]}}]}]"
    ),
    "an endpoint type beside an empty one": (
        "[{name: a, graph: {name: m, endpoint: {type: ''}, children: [{name: m, endpoint: {type: GRPC}}]},"
        " componentSpecs: [{spec: {containers: [{name: m}]}}]}]"
    ),
}


def refused(text):
    with pytest.raises(InvalidDeployment) as caught:
        load_documents(HEAD + text, "overlay.yaml")
    return caught.value


@pytest.mark.parametrize(("text", "expected"), CASES.values(), ids=CASES)
def test_the_webhook_refuses(text, expected):
    error = refused(text)
    assert error.exit_code == 2
    findings = [finding for finding in error.findings if finding.refused_by is RefusedBy.WEBHOOK]
    assert [f"{finding.path}: {finding.message}" for finding in findings] == expected
    marked = [i for i, line in enumerate((HEAD + text).splitlines(), 1) if line.endswith("# here")]
    assert sorted(finding.line for finding in findings) == marked


@pytest.mark.parametrize("predictors", ADMITTED.values(), ids=ADMITTED)
def test_the_webhook_admits(predictors):
    rest = "rest: &rest {graph: {name: m}, componentSpecs: [{spec: {containers: [{name: m}]}}]}"
    anchored = f"{HEAD.replace('{name: xgboost}', '{name: xgboost, ' + rest + '}')}spec:\n  predictors: {predictors}\n"
    (verdict,) = verdicts(anchored, "overlay.yaml")
    assert RefusedBy.WEBHOOK not in {finding.refused_by for finding in verdict.findings}
    assert verdict.deployment is not None


def test_a_finding_reads_as_place_path_seldons_words_and_what_to_do():
    error = refused(CASES["a single predictor with half the traffic"][0])
    assert str(error) == (
        'overlay.yaml:10: spec: Invalid value: "a": Traffic must sum be 100 for a single predictor when set; '
        "set it to 100 or leave it out; it is 50"
    )


def test_one_finding_stands_alone_in_seldons_whole_message_and_several_in_brackets():
    one = refused(CASES["no predictors, shown with the transport as their value"][0]).findings
    assert webhook_message(None, list(one)) == (
        'SeldonDeployment.machinelearing.seldon.io "" is invalid: '
        'spec: Invalid value: "grpc": Graph contains no predictors'
    )
    two = refused(CASES["a transport and a server type outside their sets"][0]).findings
    assert webhook_message("spec-name", list(two)) == (
        'SeldonDeployment.machinelearing.seldon.io "spec-name" is invalid: '
        '[spec: Invalid value: "http": Invalid transport, spec: Invalid value: "amqp": Invalid serverType]'
    )


def test_text_is_quoted_as_go_quotes_it():
    assert go_quoted('a"\\\n\x7f\u00a0é😀') == r'"a\"\\\n\x7f\u00a0é😀"'
