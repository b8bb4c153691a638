"""Small models of XGBoost, one for each way in which its answers differ, trained in a moment on numbers made up."""

import warnings

import numpy as np
import xgboost as xgb

N_FEATURES = 4
OBJECTIVES = {
    "reg:squarederror": {},
    "binary:logistic": {},
    "multi:softprob": {"num_class": 3},
    "multi:softmax": {"num_class": 3},
    "count:poisson": {},
    "reg:quantileerror": {"quantile_alpha": [0.1, 0.5, 0.9]},
    "binary:logistic, dart": {"booster": "dart", "rate_drop": 0.3},
    "reg:squarederror, linear": {"booster": "gblinear"},
    "reg:squarederror, two at once": {"multi_strategy": "multi_output_tree", "tree_method": "hist"},
}


def rows(n_rows, seed, missing=0.1):
    """float64[n_rows, N_FEATURES], a share of it missing."""
    rng = np.random.default_rng(seed)
    made = rng.normal(size=(n_rows, N_FEATURES)).round(3)
    made[rng.random(made.shape) < missing] = np.nan
    return made


def trained(name, feature_names=None):
    sent = rows(400, seed=1)
    total = np.nansum(sent, axis=1)
    objective = name.partition(",")[0]
    labels = {
        "binary:logistic": total > 0,
        "multi:softprob": np.digitize(total, [-1, 1]),
        "multi:softmax": np.digitize(total, [-1, 1]),
        "count:poisson": np.abs(total).round(),
    }.get(objective, total)
    if "two at once" in name:
        labels = np.column_stack([total, -total])
    parameters = {"objective": objective, "nthread": 1, "max_depth": 4, "seed": 1, **OBJECTIVES[name]}
    with warnings.catch_warnings(action="ignore"):  # some of what Seldon's users have is deprecated
        return xgb.train(parameters, xgb.DMatrix(sent, labels, feature_names=feature_names, nthread=1), 20)


def saved(booster, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings(action="ignore"):  # .bst is a name that says no format
        booster.save_model(path)
    return path.parent


def stock_answer(booster, sent):
    """What Seldon's server does with an array."""
    with warnings.catch_warnings(action="ignore"):
        return booster.predict(xgb.DMatrix(sent))
