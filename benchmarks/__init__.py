"""Measurements of the product, each with a yardstick of the same run."""
