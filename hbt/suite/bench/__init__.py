"""Measurements of speed and memory, each beside what others offer for the same work, in one run.

A module measures one thing. It has `NAME`, `add(actions)`, which adds its parser under `hbt bench`
and sets `run`, and `measure(...)`, which returns what is printed and written as JSON.
"""
