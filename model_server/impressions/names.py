"""Which columns are named, and which should be. Pure."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Sequence

from model_server.impressions.findings import MAX_FINDINGS_SHOWN, Finding, cut


def name_findings(
    names: Sequence[str], required: Sequence[str], optional: Sequence[str] = (), *, place: str
) -> list[Finding]:
    """What is wrong with the names of columns, in any order. `place` says where they stand: "names", "header"."""
    known = (*required, *optional)
    unknown = (name for name in names if name not in known)
    findings = [Finding(unknown_column(name, known, i), column=cut(str(name))) for i, name in enumerate(unknown)]
    findings += [Finding(f"missing from the {place}", column=name) for name in required if name not in names]
    findings += [Finding("named more than once", column=name) for name in known if list(names).count(name) > 1]
    return findings


def unknown_column(name: object, known: tuple[str, ...], n_before: int) -> str:
    """`n_before`: findings that come before it. To look for its like takes 0.1 ms, and nobody is shown the rest."""
    return _unknown(cut(str(name)), known) if n_before < MAX_FINDINGS_SHOWN else "no such column"


@functools.lru_cache(maxsize=256)
def _unknown(name: str, known: tuple[str, ...]) -> str:
    """Cached, since one slip stands in every record of a request."""
    near = difflib.get_close_matches(name, known, n=1)
    return f"no such column; did you mean {near[0]}?" if near else f"no such column; the columns are {', '.join(known)}"
