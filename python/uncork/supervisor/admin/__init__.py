"""The admin listener: health and metrics, from a small process that has nothing of the app's.

It is forked by the supervisor before any worker, and asks it for each answer. So it answers
while the app is loaded, while every worker is stuck, and while the server drains.
"""
