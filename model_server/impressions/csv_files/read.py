"""CSV files -> checked impressions, or everything that is wrong with the file at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from model_server.errors import CallersFault
from model_server.impressions.columns import Impressions
from model_server.impressions.contract import COLUMNS, LABEL, MAX_COUNT, MAX_IDENTIFIER, NAMES, Column, Kind
from model_server.impressions.csv_files import cells
from model_server.impressions.csv_files.cells import Report
from model_server.impressions.csv_files.table import CsvTable

TRUTH_NAMES: Final = ("id", LABEL, "probability")


@dataclass(frozen=True, eq=False)
class ImpressionFile:
    """What a file of impressions holds. Shapes: installs int8[n], 0 or 1; None if the file has no such column."""

    impressions: Impressions
    installs: NDArray[np.int8] | None
    sha256: str
    """Of the bytes that the impressions were read from, in hexadecimal."""


class UnknownIds(CallersFault):
    """The truth is that of other impressions."""


@dataclass(frozen=True, eq=False)
class Truth:
    """What is known about impressions that a model is judged by. Shapes: [n] each; probability in [0, 1]."""

    id: NDArray[np.int64]
    install: NDArray[np.int8]
    probability: NDArray[np.float64]

    def __post_init__(self) -> None:
        if not self.id.shape == self.install.shape == self.probability.shape:
            raise ValueError(f"{len(self.id)} ids, {len(self.install)} labels, {len(self.probability)} probabilities")

    def __len__(self) -> int:
        return len(self.id)

    def installs_of(self, ids: NDArray[np.int64]) -> NDArray[np.int8]:
        """The label of each id, int8[n]. Errors: UnknownIds."""
        order = np.argsort(self.id, kind="stable")
        rows = order[np.minimum(np.searchsorted(self.id, ids, sorter=order), len(order) - 1)]
        unknown = ids[self.id[rows] != ids]
        if len(unknown):
            raise UnknownIds(
                f"no label for {len(unknown):,} of {len(ids):,} impressions, such as id {unknown[0]}; "
                "is it the truth of another file?"
            )
        labels: NDArray[np.int8] = self.install[rows]
        return labels


def read_impressions(path: str | Path) -> ImpressionFile:
    """The impressions of a CSV file: 16 columns in any order, or 17 with `install`.

    Errors: InvalidFile with every finding. A funnel that does not add up (more views than starts) is no finding: it
    happens, and it is for an outlier detector to judge.
    """
    texts = [column.name for column in COLUMNS if column.kind is Kind.CATEGORY]
    table = CsvTable(Path(path), NAMES, (LABEL,), categories=texts)
    report = Report(table)
    columns = {column.attribute: _read(table, column, report) for column in COLUMNS if column.name in table.columns}
    installs = cells.whole_numbers(table, LABEL, 1, report).astype(np.int8) if LABEL in table.columns else None
    if "id" in columns:
        cells.report_duplicates(columns["id"], "id", report)
    report.raise_if_any()
    return ImpressionFile(Impressions(**columns), installs, table.sha256)


def read_truth(path: str | Path) -> Truth:
    """The truth about impressions: `id;install;probability`. Errors: InvalidFile with every finding."""
    table = CsvTable(Path(path), TRUTH_NAMES)
    report = Report(table)
    columns: dict[str, NDArray[Any]] = {}
    for name, largest in (("id", MAX_IDENTIFIER), (LABEL, 1)):
        if name in table.columns:
            columns[name] = cells.whole_numbers(table, name, largest, report)
    if "probability" in table.columns:
        columns["probability"] = cells.probabilities(table, "probability", report)
    if "id" in columns:
        cells.report_duplicates(columns["id"], "id", report)
    report.raise_if_any()
    return Truth(columns["id"], columns[LABEL].astype(np.int8), columns["probability"])


def _read(table: CsvTable, column: Column, report: Report) -> Any:
    match column.kind:
        case Kind.CATEGORY:
            return cells.categories(table, column.name, report)
        case Kind.TIME:
            return cells.times(table, column.name, report, nullable=column.nullable)
        case Kind.COUNT:
            return cells.whole_numbers(table, column.name, MAX_COUNT, report)
        case Kind.IDENTIFIER:
            return cells.whole_numbers(table, column.name, MAX_IDENTIFIER, report)
