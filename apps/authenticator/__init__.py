"""The door of the bank's own app: its shell under an address of its own, and the messages that it exchanges with the
bank.

The address is another origin than the portal's (``AUTHENTICATOR_BASE_URL``): no page of the portal, and nothing that
got into one, reaches the app's keys. No cookie is set or read here: every message is signed by the device.
"""
