"""How much a target takes: which rate to try next, what it must keep, and what was in its way. Pure."""
