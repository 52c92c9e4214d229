"""A browser in the words of the people who use it: enough to know one's own again, and no more is kept."""

import re

# The first that is found counts: most browsers also claim to be another.
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox|FxiOS", "Firefox"),
    ("Chrome|CriOS", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X|Macintosh", "Mac"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


def describe_browser(user_agent: str) -> str:
    """Such as "Firefox, Windows"; empty when the client says nothing that is known."""
    found = (
        next((words for pattern, words in table if re.search(pattern, user_agent)), "")
        for table in (_BROWSERS, _SYSTEMS)
    )
    return ", ".join(words for words in found if words)
