"""The columns of an impression: names, kinds, ranges. The only place that spells them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """How a column's values are written and checked."""

    IDENTIFIER = "identifier"
    """A whole number from 0 that names the impression."""
    TIME = "time"
    """ISO 8601 in UTC to the second, `2019-01-21T09:00:14Z`; from 2000 to 2099."""
    CATEGORY = "category"
    """Text; a whole number stands for its decimal text. Null is missing, text never seen in training is unknown."""
    COUNT = "count"
    """A whole number from 0 to 2^31 - 1."""


@dataclass(frozen=True)
class Column:
    """One column: its name on the wire, its attribute in `Impressions`, its kind, and whether null is legal."""

    name: str
    attribute: str
    kind: Kind
    nullable: bool = False


COLUMNS: Final = (
    Column("id", "id", Kind.IDENTIFIER),
    Column("timestamp", "timestamp", Kind.TIME),
    Column("campaignId", "campaign_id", Kind.CATEGORY, nullable=True),
    Column("platform", "platform", Kind.CATEGORY, nullable=True),
    Column("softwareVersion", "software_version", Kind.CATEGORY, nullable=True),
    Column("sourceGameId", "source_game_id", Kind.CATEGORY, nullable=True),
    Column("country", "country", Kind.CATEGORY, nullable=True),
    Column("startCount", "start_count", Kind.COUNT),
    Column("viewCount", "view_count", Kind.COUNT),
    Column("clickCount", "click_count", Kind.COUNT),
    Column("installCount", "install_count", Kind.COUNT),
    Column("lastStart", "last_start", Kind.TIME, nullable=True),
    Column("startCount1d", "start_count_1d", Kind.COUNT),
    Column("startCount7d", "start_count_7d", Kind.COUNT),
    Column("connectionType", "connection_type", Kind.CATEGORY, nullable=True),
    Column("deviceType", "device_type", Kind.CATEGORY, nullable=True),
)
"""In the order of `train_data.csv`. Only lastStart and the categories may be null: a user who never started an ad, a
device that did not tell."""

NAMES: Final = tuple(column.name for column in COLUMNS)
BY_NAME: Final = {column.name: column for column in COLUMNS}

LABEL: Final = "install"
"""The 17th column of training data: 0 or 1. Never part of a request."""

MAX_ROWS: Final = 10_000
"""Rows that one request may hold: 2 MB as a table; as records twice that, where gRPC's default of 4 MiB may end it."""

MAX_COUNT: Final = 2**31 - 1
MAX_IDENTIFIER: Final = 2**53 - 1
"""The largest whole number that JSON, protobuf's double and our float64 features all hold exactly."""
MAX_TEXT_LENGTH: Final = 256
"""Characters of a category; the longest device name in the wild has about 60."""
