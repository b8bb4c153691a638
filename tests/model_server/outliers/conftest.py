"""What the tests of the detector share: messages, and impressions at the edge of what the contract allows."""

import pytest

from model_server.impressions import to_rows
from model_server.outliers import detector_bundle
from model_server.outliers.outlier_detector import OutlierDetector


@pytest.fixture(scope="session")
def bundle(detector):
    return detector_bundle.load(detector)


@pytest.fixture(scope="session")
def marking(detector):
    return OutlierDetector(str(detector))


@pytest.fixture(scope="session")
def rows(labelled):
    """60 rows as a request carries them."""
    return to_rows(labelled[0].take(slice(0, 60)))
