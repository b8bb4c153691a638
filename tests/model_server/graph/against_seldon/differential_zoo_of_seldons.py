"""Components that know seldon_core: its exceptions, its responses, its base class. None remembers anything."""

import numpy as np
from differential_zoo import first_of
from seldon_core.flask_utils import SeldonMicroserviceException
from seldon_core.user_model import SeldonComponent, SeldonNotImplementedError, SeldonResponse


class Responds:
    """MODEL and TRANSFORMER: tags and metrics of each request; errors with a status of their own."""

    def predict(self, X, names, meta=None):
        match first_of(X):
            case "missing":
                raise SeldonMicroserviceException("no such user", status_code=404, reason="NO_SUCH_USER")
            case "busy":
                raise SeldonMicroserviceException("come back later", status_code=503)
            case "bad":
                raise SeldonMicroserviceException("the row is odd")
            case "metric":
                return SeldonResponse([1], metrics=[{"type": "FLOOD", "key": "seen", "value": 2}])
        metrics = [{"type": "GAUGE", "key": "seen", "value": 2, "tags": {"of": "request"}}]
        return SeldonResponse(X, tags={"seen": type(X).__name__, "colour": "red"}, metrics=metrics)

    transform_input = predict

    def tags(self):
        return {"colour": "black", "own": [1]}

    def metrics(self):
        return [{"type": "COUNTER", "key": "responded", "value": 1.5}]


class Component(SeldonComponent):
    """All that is inherited says that it is not implemented; what is here, says so for some inputs."""

    def predict(self, X, names, meta=None):
        if first_of(X) == "later":
            raise SeldonNotImplementedError("not this time")
        return np.asarray(X).tolist() if isinstance(X, np.ndarray) else [[len(names or ())]]

    def send_feedback(self, features, names, reward, truth, routing=None):
        return SeldonResponse(None, tags={"reward": reward, "routing": routing}, metrics=[])
