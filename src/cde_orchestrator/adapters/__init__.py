"""The world as the use cases reach it: one module per technology and port."""
