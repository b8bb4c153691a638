"""The outlier detector: which impressions are unlike all that training saw. It marks them and never stops them.

`measures` and `frequencies` say in which ways an impression can be odd, `rarity` how rare that is, `view` puts it into
the few columns that the isolation forest sees. `forest` scores them, `detector_bundle` is all of it on disk, and
`outlier_detector` is the class that Seldon runs. Fitting is in `model_server.training`.
"""
