"""What runs in a project's own interpreter: standard library alone, none of this package."""
