"""Drills: each error code is triggered for real, and its first fix is followed blindly.

A drill for a new code is a function with ``@drill("E114")`` in the module of its range; it
prepares the stage and hands ``Stage.prove`` the operation that is refused.
"""
