"""The payment engine: the door of the message queue. Its own process, under the only role that may book.

It trusts no message: it reads the payment, checks that its customer authorised exactly this, maps him to the core
user, checks that user's right on the account, and only then takes the funds (S0-48, S0-52..54).
"""
