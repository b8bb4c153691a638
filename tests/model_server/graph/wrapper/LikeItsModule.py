"""A module named like its class, as Seldon's images have them."""


class LikeItsModule:
    pass
