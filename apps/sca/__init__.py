"""Strong customer authentication: how one proves it is he, and that he means exactly this (RTS art. 4, 5).

A challenge belongs to one snapshot of what is authorised. Its code is computed over that snapshot with a key and a
fresh nonce; what is stored is a keyed hash of the code, never the code. A code verifies against its snapshot and
nothing else, once, for a few minutes, at most five times wrong.
"""
