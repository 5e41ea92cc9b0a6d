"""Binds, forks, watches, reloads; and what a worker process does beside serving.

`starting` begins it all. Nothing is imported here: a command that asks a running server needs
none of what serves.
"""
