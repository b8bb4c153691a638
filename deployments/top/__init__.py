"""What `forkcast top` shows: pages of metrics -> what each predictor has done -> rates between two looks -> a table.

All pure; whoever asks brings the pages, from this machine or from a cluster.
"""
