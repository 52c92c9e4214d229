"""The developer console, ``/developers/``: where the people of a TPP register their company, its apps and keys.

A door: forms, pages and code to copy; the rules are in ``tpp``, ``identity`` and ``sca``. Members sign in with a
password and an authenticator app, which opens this console and nothing else (S1-19).
"""
