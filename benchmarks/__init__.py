"""Speed and memory, as ratios to a limit measured in the same run (``make bench``).

Absolute figures drift by a factor of two from hour to hour on the same machine; a ratio of two measurements taken
side by side does not. Every module ``bench_<what>.py`` here has a function ``run()`` that yields its ratios.
"""
