"""The hallway all doors share: request ids, headers and CSP, idle log-out, error pages, shells and components.

No tables and no banking rules. Its only own addresses are health, language, theme and session.
"""
