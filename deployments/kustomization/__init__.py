"""Where in an overlay's own files each value of its rendered text comes from.

The overlay is built a second time with the file and line of every value beside it; what then equals Kustomize's own
output is believed, and of anything else nothing is said. `files` reads, the rest is pure.
"""

from deployments.kustomization.files import fault_of, origins_of
from deployments.kustomization.origins import Origins
from deployments.kustomization.traced import Spot

__all__ = ["Origins", "Spot", "fault_of", "origins_of"]
