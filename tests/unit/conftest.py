"""How Hypothesis runs here: quick, keeping nothing, without a clock that a busy machine trips. And the
state machine on moto's interpreter, for the tests that run it."""

from hypothesis import settings

from tests.fakes.workflow_machine import definition as definition
from tests.fakes.workflow_machine import deployed as deployed
from tests.fakes.workflow_machine import machine as machine

settings.register_profile("easel", deadline=None, database=None, max_examples=60)
settings.load_profile("easel")
