"""What a project's own files say about it."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class ProjectFacts:
    """Facts about a project, each drawn from its files and never asked of a person.

    Attributes:
        languages: Names of programming languages, the primary one first.
        package_manager: The program that installs the dependencies of the primary language.
        test_command: Argument list of the command that runs the tests; empty when none is known.
        git: Whether the project lies in a git working tree.
        evidence: Names, relative to the project, of the files and folders behind the answer.
    """

    languages: tuple[str, ...]
    package_manager: str | None
    test_command: tuple[str, ...]
    git: bool
    evidence: tuple[str, ...]

    def to_metadata(self) -> dict[str, object]:
        """Return the facts as values that JSON can hold: the tuples become lists."""
        return {
            name: list(fact) if isinstance(fact, tuple) else fact
            for name, fact in asdict(self).items()
        }
