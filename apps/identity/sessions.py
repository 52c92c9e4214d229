"""Browser sessions, in rows that tell whose they are: so that a person can look at his own, and end each."""

import uuid
from datetime import datetime
from typing import Any

from django.contrib.auth import SESSION_KEY as USER_KEY
from django.contrib.sessions.backends.db import SessionStore as DBStore

# What the doors write into a session, and the columns it goes to.
ID_KEY, BROWSER_KEY, NETWORK_KEY = "identity.session_id", "identity.browser", "identity.network"
SIGNED_IN_KEY, LAST_ACTION_KEY = "web.signed_in_at", "web.last_action_at"


class SessionStore(DBStore):
    """Django's own, beside whose sealed data five columns repeat what is in them. Without somebody signed in they are
    empty."""

    @classmethod
    def get_model_class(cls) -> type[Any]:
        from apps.identity.models import Session

        return Session

    def cycle_key(self) -> None:
        """A new key comes with a new id: both rows are there for a moment."""
        self.pop(ID_KEY, None)
        super().cycle_key()

    def create_model_instance(self, data: dict[str, Any]) -> Any:
        if USER_KEY in data:
            data.setdefault(ID_KEY, str(uuid.uuid4()))
        session: Any = super().create_model_instance(data)
        if USER_KEY in data:
            session.id = data[ID_KEY]
            session.user_id = data[USER_KEY]
            session.signed_in_at = _moment(data.get(SIGNED_IN_KEY))
            session.last_action_at = _moment(data.get(LAST_ACTION_KEY))
            session.browser = data.get(BROWSER_KEY, "")
            session.network = data.get(NETWORK_KEY, "")
        return session


def _moment(written: str | None) -> datetime | None:
    return datetime.fromisoformat(written) if written else None
