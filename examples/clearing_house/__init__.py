"""A clearing house for the sandbox: another company, with a process, books and messages of its own.

It knows nothing of the bank but its address and the key they share, and needs nothing but Python's standard library.
"""
