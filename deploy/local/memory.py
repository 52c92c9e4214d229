"""How much memory a tree of processes takes: the proportional share (PSS), in which shared pages count once."""

import contextlib

import psutil


def megabytes(process: psutil.Process) -> float:
    """The memory of one process in MB; its unshared memory where the system knows no shares."""
    facts = process.memory_full_info()
    return float(getattr(facts, "pss", facts.uss)) / 1e6


def of_tree(root: psutil.Process) -> float:
    """The memory of a process and all its descendants in MB."""
    total = 0.0
    for process in (root, *root.children(recursive=True)):
        with contextlib.suppress(psutil.Error):
            total += megabytes(process)
    return total
