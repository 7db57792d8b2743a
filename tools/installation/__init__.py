"""Proves that the product installs: from a clone, as a package, and at the bounds it declares.

``python -m tools.installation [locks] [newcomer] [distributions] [bounds]`` runs these
checks, or all.
"""
