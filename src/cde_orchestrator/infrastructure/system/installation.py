"""What an unexpected failure is: an accident, or a package that was replaced meanwhile."""

from __future__ import annotations

import cde_orchestrator
from cde_orchestrator.domain.exceptions import CDESystemError

DISTRIBUTION = "cde-orchestrator"


def unexpected(raised: BaseException) -> CDESystemError:
    """E931 where the package on the disk is no longer the one that this process loaded.

    A process imports much of itself when it is needed first, so that it notices then.
    Everything else is E999.
    """
    found = _lost_module(raised) or _other_version()
    if found is None:
        return CDESystemError.of("E999")
    return CDESystemError.of("E931", loaded=cde_orchestrator.__version__, found=found)


def home_page() -> str | None:
    """The package's home page, by its metadata; None where it names none, as before a release."""
    from importlib import metadata

    try:
        links = metadata.metadata(DISTRIBUTION).get_all("Project-URL") or ()
    except metadata.PackageNotFoundError:
        return None
    named = (each.partition(", ") for each in links)
    return next((address for name, _, address in named if name.lower() == "homepage"), None)


def _lost_module(raised: BaseException) -> str | None:
    """Which module of the package cannot be imported, in words."""
    error: BaseException | None = raised
    while error is not None:
        if isinstance(error, ImportError) and _is_own(error.name):
            return f"{error.name} cannot be imported from it any more"
        error = error.__cause__ or error.__context__
    return None


def _is_own(module: str | None) -> bool:
    own = cde_orchestrator.__name__
    return module is not None and (module == own or module.startswith(f"{own}."))


def _other_version() -> str | None:
    """Which version is installed by now, in words, where it is another one."""
    from importlib import metadata

    try:
        installed = metadata.version(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return None  # it was never installed, or is being installed now
    same = installed == cde_orchestrator.__version__
    return None if same else f"version {installed} is installed now"
