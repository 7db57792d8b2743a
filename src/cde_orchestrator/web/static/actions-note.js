// Save a note in the phase that the feature is in.
import { field } from "./actions.js";
import { element } from "./base.js";

export const noteForm = {
  send: "Save",
  said: "The note is saved",
  intro: "For whoever works on it next: the note is in the prompt of the phase, or of the one that follows your answer.",
  fields: () => field("Note", element("textarea", { name: "note", rows: 5, required: true, "aria-required": "true" })),
};
