"""What `forkcast predict` does with a classic model, as one would write it with pandas: a file in, a file out.

`python bench/rig/pandas_way.py MODEL DATA OUT`. Whole columns at a time, categories coded once for each level, the
model asked once, in place, by all cores. No check of any value.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import xgboost as xgb

COUNTS: Final = ["id", "startCount", "viewCount", "clickCount", "installCount", "startCount1d", "startCount7d"]
CODED: Final = {
    "platform": "platform",
    "softwareVersion": "software_version",
    "campaignId": "campaign_id",
    "sourceGameId": "source_game_id",
    "country": "country",
    "connectionType": "connection_type",
    "deviceType": "device_type",
}
"""Columns with categories, and what the model's vocabulary calls them."""
TIMES: Final = ["timestamp", "lastStart"]
NUMERATORS: Final = ["clickCount", "viewCount", "installCount"]
DENOMINATORS: Final = ["startCount", "startCount1d", "startCount7d"]


def main(model: Path, data: Path, out: Path) -> None:
    table = read(data)
    levels = json.loads((model / "vocabulary.json").read_text())["levels"]
    booster = xgb.Booster(model_file=model / "model.ubj")
    names = json.loads((model / "manifest.json").read_text())["feature_names"]
    table["prob_install"] = booster.inplace_predict(features_of(table, levels)[names].to_numpy(np.float32))
    table[["id", "prob_install"]].to_csv(out, index=False)


def read(data: Path) -> pd.DataFrame:
    table = pd.read_csv(
        data,
        sep=";",
        dtype=dict.fromkeys(CODED, "category"),
        keep_default_na=False,  # NA is a country
        na_values=[""],
    )
    for name in TIMES:  # after reading: with parse_dates it takes twice as long
        table[name] = pd.to_datetime(table[name]).dt.tz_localize(None)
    return table


def features_of(table: pd.DataFrame, levels: dict[str, list[str]]) -> pd.DataFrame:
    columns: dict[str, Any] = {name: table[name] for name in COUNTS}
    for name in TIMES:
        columns |= parts_of(table[name], name)
    columns["secondsSinceLastStart"] = (table["timestamp"] - table["lastStart"]).dt.total_seconds()
    for name, attribute in CODED.items():
        columns[f"{name}Code"] = table[name].cat.set_categories(levels[attribute]).cat.codes + 1
    for below in DENOMINATORS:
        denominator = table[below].where(table[below] != 0)
        columns |= {f"{above}/{below}": table[above] / denominator for above in NUMERATORS}
    return pd.DataFrame(columns)


def parts_of(times: pd.Series, name: str) -> dict[str, pd.Series]:
    """As fastai's add_datepart makes them; missing where the time is."""
    at, known = times.dt, times.notna()
    parts = {
        "Year": at.year,
        "Month": at.month,
        "Week": at.isocalendar().week.astype("float64"),
        "Day": at.day,
        "Dayofweek": at.dayofweek,
        "Dayofyear": at.dayofyear,
        "Hour": at.hour,
        "Minute": at.minute,
        "Second": at.second,
        "Elapsed": (times - pd.Timestamp(0)).dt.total_seconds(),
    }
    for flag in (
        "Is_month_end",
        "Is_month_start",
        "Is_quarter_end",
        "Is_quarter_start",
        "Is_year_end",
        "Is_year_start",
    ):
        parts[flag] = getattr(at, flag.lower()).astype("float64").where(known)
    return {f"{name}{part}": values for part, values in parts.items()}


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
