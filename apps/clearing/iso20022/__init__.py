"""ISO 20022 messages of the rails: read under suspicion, written by hand, checked against the schemas both ways.

``envelope`` needs nothing but expat and is what the web process uses; ``reading`` and ``writing`` bring in lxml and are
imported where they are needed only, because only the worker reads and writes and lxml with its schemas takes 20 MB.
"""
