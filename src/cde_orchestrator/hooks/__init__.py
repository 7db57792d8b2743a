"""``cde hook``: what the hooks of agents' programs call, to hold an agent to its phase.

A client waits for each call, so the package is imported by itself, not with the command line,
and reads the state's files as they are. Nothing here ends a session: whatever fails, there is
no answer, and the client goes on.
"""
