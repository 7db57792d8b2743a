// Commands that a person reads.

/** A command as a shell has it, so that nobody takes one of its words for two. */
export const shellWords = (words) => words.map((each) => (/^[\w@%+=:,./-]+$/.test(each) ? each : `'${each.replaceAll("'", `'"'"'`)}'`)).join(" ");
