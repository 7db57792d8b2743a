"""Use cases of a project as a whole: set up, describe, diagnose."""
