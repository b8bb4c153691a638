"""The outside world: users, their impressions, their installs, and the requests that come of them.

Knows the data plane by its request contract (`model_server.impressions`) and metric names only.
"""
