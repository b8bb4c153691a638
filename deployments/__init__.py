"""The control plane: what acts on a deployment, and the `forkcast` command, which alone puts the planes together."""
