"""What answers for one node of a graph: a user's class in this process, or a program elsewhere.

Each is a `Component`; the walk cannot tell one from another.
"""

from model_server.graph.components.component import Component

__all__ = ["Component"]
