"""What every command shares: the application, options, errors and completion."""
