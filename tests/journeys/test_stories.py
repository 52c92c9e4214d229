"""Both stories of the founding text, as ``make demo`` plays them: on files, on RabbitMQ and on Redis."""

import pytest

from deploy.local.narrator import Narrator
from deploy.local.story import Story
from tests.conftest import broker_url
from tests.journeys.stack import running_stack


def _play(stack):
    story = Story(config=stack.stack.config, narrator=Narrator())
    try:
        story.play()
    finally:
        story.close()


@pytest.mark.req("S0-13")
def test_both_stories_end_well(stack):
    _play(stack)


@pytest.mark.req("S0-13", "S0-48")
@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.broker(name)) for name in ("rabbitmq", "redis")]
)
def test_both_stories_end_well_on_a_broker(name):
    with running_stack(broker_url=broker_url(name)) as stack:
        _play(stack)
