"""The request contract: what an impression is, and how rows become checked columns.

An impression is one video ad shown to one user. This package owns its columns, types and ranges, what a missing value
means, and the ways in: a table with names, records, a CSV file. What comes out is an `Impressions`: if one exists,
it is valid. Pure, apart from `csv_files`, which reads and writes files (and alone needs pyarrow).
"""

from model_server.impressions.cells import Cells
from model_server.impressions.columns import MISSING_TIME, Categories, Impressions
from model_server.impressions.contract import BY_NAME, COLUMNS, LABEL, MAX_ROWS, NAMES, Column, Kind
from model_server.impressions.findings import Finding, InvalidImpressions
from model_server.impressions.parse import from_cells, from_records, from_table, to_rows

__all__ = [
    "BY_NAME",
    "COLUMNS",
    "LABEL",
    "MAX_ROWS",
    "MISSING_TIME",
    "NAMES",
    "Categories",
    "Cells",
    "Column",
    "Finding",
    "Impressions",
    "InvalidImpressions",
    "Kind",
    "from_cells",
    "from_records",
    "from_table",
    "to_rows",
]
