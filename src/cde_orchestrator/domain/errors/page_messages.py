"""Words for what a person does over the page and is refused: E155, E156, E333, E334, E336, E337."""

from __future__ import annotations

from cde_orchestrator.domain.errors.entry import Suggestion, message
from cde_orchestrator.domain.errors.fixes import LIST_AGENTS, OPEN_PAGE, SHOW_STATUS, STATUS_CALL

PAGE_MESSAGES = {
    "E155": message(
        "Changed Since You Read It",
        "'{feature}' changed after this form was opened: {news}. Nothing was done.",
        "Read what is there now, then send the form again: what you wrote is kept",
        "If another person did it already, there is nothing left to do",
        Suggestion("See where the feature is", *STATUS_CALL),
        fixes=(SHOW_STATUS,),
    ),
    "E156": message(
        "Form Not Good Any More",
        "This form was answered before, is more than an hour old, or is not of this browser and "
        "this server. Nothing was done by it now.",
        "See whether it is done already; if it is not, send it again: what you wrote is kept",
        "See who did it, and when: the timeline of the feature's page",
        "After a restart of the server, open the page again: cde dashboard",
        fixes=(OPEN_PAGE,),
    ),
    "E333": message(
        "Page Only Shows",
        "Nothing can be changed over this page: its server was started with --read-only.",
        "Do it in a terminal: {command}",
        "To act on a page, open one of a server of your own: cde dashboard",
        "What the page shows stays up to date meanwhile",
        fixes=(OPEN_PAGE,),
    ),
    "E334": message(
        "Only A Person Acts Here",
        "Nothing was done over the page: {reason}.",
        "Open the page by this command, in a terminal of your own: cde dashboard",
        "Or do the same in a terminal: {command}",
        "A token alone only reads, on purpose: so no program acts for a person",
        fixes=(OPEN_PAGE,),
    ),
    "E336": message(
        "Run Not Started",
        "No run of '{feature}' began: {reason}.",
        "See which agents can be used here: cde agents list",
        "Start it in a terminal to see all that it says: cde run {feature} --agent NAME",
        Suggestion("See whether it waits for a person", *STATUS_CALL),
        fixes=(LIST_AGENTS,),
    ),
    "E337": message(
        "Run Not Stopped",
        "No run of '{feature}' was stopped: {reason}.",
        Suggestion("See where the feature is", *STATUS_CALL),
        "A run that does not end ends when it is asked again after some seconds",
        "A run on another machine is stopped there, with Ctrl-C in its terminal",
        fixes=(SHOW_STATUS,),
    ),
}
