"""How Hypothesis runs here: quick, keeping nothing, without a clock that a busy machine trips."""

from hypothesis import settings

settings.register_profile("easel", deadline=None, database=None, max_examples=60)
settings.load_profile("easel")
