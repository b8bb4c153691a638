"""Drift: whether what a predictor is asked, and what it answers, still looks as it did in training.

`bins` says into which bins the values of a column fall, `counting` counts rows into them, `reference` is the counts of
training and `kept` a few of its answers, which both lie in the bundle as `record`. `comparison` holds a window of
live rows against the reference, and `windows` says when that is done and what is an alarm. Pure: nothing here reads a
clock or a file. docs/drift.md tells what the numbers mean.
"""
