"""Measurements of the product, each beside a yardstick of the same run."""
