"""Impressions -> the numbers a model sees. Pure and vectorised; training and serving call the same functions.

One file a feature set, each a `FeatureSet`: `classic` (56 columns, the champion's) and `funnel` (what an expert would
build, the challenger's). What a set learnt from training data is its vocabulary, kept in the model's bundle as JSON.
"""

from typing import Final

from model_server.features.classic import ClassicFeatures
from model_server.features.feature_set import FeatureSet
from model_server.features.funnel import FunnelFeatures

FEATURE_SETS: Final[dict[str, type[FeatureSet]]] = {
    features.name: features for features in (ClassicFeatures, FunnelFeatures)
}

__all__ = ["FEATURE_SETS", "ClassicFeatures", "FeatureSet", "FunnelFeatures"]
