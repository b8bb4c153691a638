"""From impressions with labels to a model bundle, and what it is worth. Never imported by serving.

Rows are taken in order of time: the model learns from the past, stops early on what came after, and is judged on what
came last.
"""
