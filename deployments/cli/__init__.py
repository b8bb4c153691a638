"""The `forkcast` command: one file a group of verbs; `main` puts them together and turns errors into exit codes.

The only place where the planes meet. A verb imports its plane when it runs, so `--help` is quick and a machine without
the training group can still serve.
"""
