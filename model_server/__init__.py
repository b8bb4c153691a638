"""The data plane: everything that runs inside a model's container.

Imports nothing else of ours, and on the serving path neither pandas, scikit-learn nor seldon-core.
"""
