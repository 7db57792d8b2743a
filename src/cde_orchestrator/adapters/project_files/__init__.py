"""The files of a project: read, written, inspected and validated."""
