"""Impressions as CSV files: `;`-separated, with a header, an empty cell for a missing value. The only part of the
request contract that reads and writes files, and that needs pyarrow.

`problems` says what is wrong with a file, every finding with its line; `table` turns bytes into columns of text;
`cells` checks those against the contract; `read` and `write` are the ways in and out.
"""

from model_server.impressions.csv_files.problems import InvalidFile, Problem
from model_server.impressions.csv_files.read import ImpressionFile, Truth, UnknownIds, read_impressions, read_truth
from model_server.impressions.csv_files.write import UnwritableFile, write_impressions, write_truth

__all__ = [
    "ImpressionFile",
    "InvalidFile",
    "Problem",
    "Truth",
    "UnknownIds",
    "UnwritableFile",
    "read_impressions",
    "read_truth",
    "write_impressions",
    "write_truth",
]
