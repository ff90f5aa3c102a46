"""Property tests draw the same examples on every machine, and none of them is timed."""

from hypothesis import settings

settings.register_profile("same everywhere", derandomize=True, deadline=None)
settings.load_profile("same everywhere")
