"""Where a component runs: what Seldon's operator tells a container by environment variables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from model_server.graph.errors import ComponentBroken

UNNAMED_IMAGE: Final = "NOT_IMPLEMENTED:NOT_IMPLEMENTED"
"""Seldon's word, in a requestPath, for the image of a unit that was told its name and not its image."""


@dataclass(frozen=True)
class Identity:
    """Empty where the operator said nothing."""

    unit: str = ""
    """PREDICTIVE_UNIT_ID: the name of the graph node."""
    image: str = ""
    """PREDICTIVE_UNIT_IMAGE, name:tag."""
    predictor: str = ""
    """PREDICTOR_ID."""
    deployment: str = ""
    """SELDON_DEPLOYMENT_ID."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """PREDICTOR_LABELS."""
    model_metadata: str = ""
    """MODEL_METADATA: YAML that the user, not the operator, may set. It wins over the class's own metadata."""

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Errors: ComponentBroken."""
        try:
            labels = json.loads(environ.get("PREDICTOR_LABELS") or "{}")
            labels = {str(name): str(value) for name, value in labels.items()}
        except (ValueError, AttributeError) as error:
            raise ComponentBroken(f"PREDICTOR_LABELS is no JSON object of texts: {error}") from error
        return cls(
            unit=environ.get("PREDICTIVE_UNIT_ID", ""),
            image=environ.get("PREDICTIVE_UNIT_IMAGE", ""),
            predictor=environ.get("PREDICTOR_ID", ""),
            deployment=environ.get("SELDON_DEPLOYMENT_ID", ""),
            labels=labels,
            model_metadata=environ.get("MODEL_METADATA", ""),
        )

    @property
    def image_name(self) -> str:
        return self.image.rpartition(":")[0]

    @property
    def image_version(self) -> str:
        """What follows the last colon; all of an image without one, as Seldon has it."""
        return self.image.rpartition(":")[2]

    @property
    def path(self) -> dict[str, str]:
        """The unit's own entry in meta.requestPath."""
        return {self.unit: self.image or UNNAMED_IMAGE} if self.unit else {}
