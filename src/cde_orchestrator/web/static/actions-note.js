// Save a note in the phase that the feature is in.
import { actionButton, field } from "./actions.js";
import { element } from "./base.js";

export function noteAction(feature) {
  return actionButton({
    action: "note",
    about: feature.id,
    label: "Save a note",
    title: "Save a note",
    send: "Save",
    said: "The note is saved",
    intro: "For whoever works on it next: the note is in the prompt of the phase, or of the one that follows your answer.",
    fields: () => field("Note", element("textarea", { name: "note", rows: 5, required: true, "aria-required": "true" })),
  });
}
