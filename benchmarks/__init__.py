"""The benchmark suite: uncork beside other servers, on one machine, in one run.

`README.md` says how it measures. Only the standard library is needed here; the servers live in
a virtual environment of the suite's own.
"""
