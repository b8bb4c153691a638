"""What goes over the wire, both ways: requests and feedback as bytes, answers as probabilities. Pure.

`rest` speaks Seldon's JSON, `proto` its protobuf (and alone needs seldon-core), `answers` judges what comes back.
"""
