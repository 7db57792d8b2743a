// Reports of a run of tests, written to the file that is standard input here.
//
// The file has a request with a key; it is emptied before a test is loaded. Then each report is a
// line: a signature, a space, and JSON. Standard input is empty from then on.
"use strict";

const { createHmac } = require("node:crypto");
const { closeSync, ftruncateSync, openSync, readFileSync, writeSync } = require("node:fs");

const DETAIL_CHARACTERS = 2000;

/** What takes reports: a function of their kind and their facts. */
function openReports() {
  const request = JSON.parse(readFileSync(0, "utf8"));
  const file = openSync("/dev/fd/0", "r+");
  ftruncateSync(file, 0);
  closeSync(0);
  openSync("/dev/null", "r"); // takes the lowest free number, which is 0
  const key = Buffer.from(request.key, "hex");
  let number = 0;
  let position = 0;
  const report = (kind, facts = {}) => {
    number += 1;
    const body = JSON.stringify({ ...facts, kind });
    const signature = createHmac("sha256", key).update(`${number} ${body}`).digest("hex");
    const line = Buffer.from(`${signature} ${body}\n`);
    for (let done = 0; done < line.length; ) {
      done += writeSync(file, line, done, line.length - done, position + done);
    }
    position += line.length;
  };
  report("begin");
  return report;
}

/** What was thrown, as text, from its beginning. */
function textOf(error) {
  const thrown = error?.cause ?? error;
  const { message = "", stack = "" } = Object(thrown);
  const text = stack.includes(message) ? stack : `${message}\n${stack}`;
  return (text.trim() || String(thrown ?? "")).slice(0, DETAIL_CHARACTERS);
}

module.exports = { DETAIL_CHARACTERS, openReports, textOf };
