"""Both stories of the founding text, as ``make demo`` plays them; on the other brokers: ``test_on_brokers``."""

import pytest

from deploy.local.narrator import Narrator
from deploy.local.story import Story
from tests.journeys.stack import RunningStack


def play(stack: RunningStack) -> None:
    """Both stories, each step of which has to end well."""
    story = Story(config=stack.stack.config, narrator=Narrator())
    try:
        story.play()
    finally:
        story.close()


@pytest.mark.req("S0-13", "S0-48")
def test_both_stories_end_well(stack: RunningStack) -> None:
    play(stack)
