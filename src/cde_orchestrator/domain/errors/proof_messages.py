"""Words for proofs of criteria that are refused or cannot be run, E134 to E145."""

from __future__ import annotations

from cde_orchestrator.domain.errors.entry import Suggestion, message
from cde_orchestrator.domain.errors.fixes import (
    DOCTOR,
    LIST_FEATURES,
    PROMPT_CALL,
    SHOW_CHECKS,
    SUBMIT,
    VERIFY,
)

PROOF_MESSAGES = {
    "E134": message(
        "Proofs Not Usable",
        "The proofs of phase '{phase}' of '{feature}' at {path} cannot be used: {problems}.",
        "Write a line for each criterion, as AC1: {form}",
        Suggestion("Read in the phase's prompt what may be written", *PROMPT_CALL),
        "Name tests as the project's runner does, by files within the project; if it is wrong, a "
        "person corrects runner in .cde/workflow.yml and runs cde trust; features under way follow",
        fixes=(SUBMIT,),
    ),
    "E135": message(
        "Criteria Not Proven",
        "Phase '{phase}' of '{feature}' has criteria that nothing shows: {problems}.",
        "Do for each proof what is said of it: the code, the test or what is installed must change",
        "Let a test call the changed code itself and assert what is new in its result",
        "A criterion that no test can show is waived by a person, never by an agent",
        "Let no test depend on chance, the clock or an earlier run: that uses up an attempt",
        fixes=(SUBMIT,),
    ),
    "E136": message(
        "Nothing To Compare With",
        "What changed in {path} cannot be compared, since git cannot provide its files: {reason}.",
        "The reason names what is in the way: commit the project, or let git ignore the file",
        "Where the reason is about permissions, run it where .git can be written to",
        "If the commit or the files of the feature's start are gone, start another feature",
        fixes=(DOCTOR,),
    ),
    "E137": message(
        "Test Runner Cannot Run",
        "The test runner '{runner}' cannot be run by '{command}': {reason}.",
        "Install the runner where the command searches for it; no attempt was used up",
        "Run the command in the project's folder yourself, with the server's PATH",
        "If it is the wrong one, a person corrects runner in .cde/workflow.yml and runs cde trust; "
        "features under way follow",
        fixes=(SHOW_CHECKS,),
    ),
    "E138": message(
        "Tests Do Not Run the Copy",
        (
            "The proofs of phase '{phase}' of '{feature}' cannot be judged: '{test}' of {runner} "
            "passes although {paths} cannot be loaded in the copy in which it runs."
        ),
        "Let tests load the code by a path within the project, not from where it is installed",
        "Build what is tested as a part of the tests, not before them",
        "Install the project as a link into its own folder: pip install -e, npm link",
        "Where the test does not use what changed, let it call that and assert what is new",
        fixes=(SUBMIT,),
    ),
    "E139": message(
        "Command of a Proof Cannot Run",
        "{path} has a command for {criteria} of '{feature}' that cannot be run, '{command}': "
        "{reason}.",
        "Correct the command in {path}, if it was meant otherwise; no attempt was used up",
        "Install the program where the server's PATH has it",
        "Name a program of the project by its path, with a slash in it",
        fixes=(SUBMIT,),
    ),
    "E143": message(
        "Nothing To Verify",
        "At commit {commit} no feature of {path} has a record to verify{elsewhere}.",
        "Complete a feature whose workflow says proof: required, then commit specs/",
        "Check that specs/ is not ignored by git: git check-ignore -v specs",
        "Where a project is in a folder of the repository, name it: cde verify --project FOLDER",
        Suggestion("See which features are completed", "cde list", "cde_listFeatures()"),
        fixes=(LIST_FEATURES,),
    ),
    "E144": message(
        "Commit Not Found",
        "'{commit}' does not name a commit of the project's repository: {reason}.",
        "Give a branch, a tag or a commit: git log --oneline",
        "In a clone without its whole history, fetch it first: git fetch --unshallow",
        "Omit --at to verify what is committed last; the repository needs a commit for that",
        fixes=(VERIFY,),
    ),
}
