"""Where requests come in: HTTP and gRPC, each with the outside of Seldon's executor or of Seldon's wrapper.

A door reads, asks what is behind it, and writes; it decides nothing else. An error has its status and its words
already.
"""
