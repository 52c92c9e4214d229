"""The staff's door: Django's admin under the bank's own look, its sign-in with two elements, and the acts of staff.

Rows are only read here; what may be done (block a TPP, suspend an app, revoke a consent, reopen a sign-in, replay a
message, verify the trail) has a page of its own that says what will follow, asks for a reason, and calls the rooms.
"""
