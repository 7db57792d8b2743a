"""The project repository over files, and the stored form that all repositories share."""
