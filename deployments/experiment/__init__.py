"""The statistics of an experiment: rewards of arms -> what may be said of them, however often one looks. Pure."""
