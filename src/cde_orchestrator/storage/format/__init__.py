"""What the state's files hold, and how each is read and written."""
