"""The command that reports what a reviewer needs to know of a feature."""

from __future__ import annotations

from cde_orchestrator.application.features.report_feature import ReportFeature
from cde_orchestrator.application.features.report_markdown import report_markdown
from cde_orchestrator.cli.console.output import say_json, say_raw
from cde_orchestrator.cli.session import options
from cde_orchestrator.cli.session.call import Call, Commands

top_level = Commands()


@top_level.command(
    "cde report add-a-login-page",
    "cde report add-a-login-page > body.md && gh pr create --body-file body.md",
)
def report(call: Call, feature: options.TheCompletedFeature = None) -> None:
    """Report a feature for its review, as Markdown for a pull request.

    It has the goal, each criterion with what shows it, the files that changed, the checks before
    and after, the review and what it leaves open. An unfinished one says what is missing.
    """
    use_case = ReportFeature(feature_id=call.feature(feature, completed=True))
    reply = call.ask(use_case)
    if call.as_json:
        say_json(reply)
    else:
        say_raw(report_markdown(reply))
