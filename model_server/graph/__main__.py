"""python -m model_server.graph: see `command`."""

import sys

from model_server.graph.command import main

sys.exit(main())
