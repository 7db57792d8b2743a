// Reporter of jest; with a single file, its tests run in the same process.
"use strict";

const { DETAIL_CHARACTERS, openReports, textOf } = require("./signed_reports.cjs");

const OUTCOMES = { passed: "passed", failed: "failed", todo: "expected_failure" };
const report = openReports();

class Reports {
  onTestCaseStart(test, { ancestorTitles, title }) {
    report("start", { path: test.path, titles: [...ancestorTitles, title] });
  }

  onTestResult(test, result) {
    const { path } = test;
    if (result.testExecError) {
      const detail = (result.failureMessage || textOf(result.testExecError)).trim();
      const atLoad = result.testResults.length === 0;
      report("red", { path, detail: detail.slice(0, DETAIL_CHARACTERS), atLoad });
    }
    for (const each of result.testResults) {
      const outcome = each.failing && each.status === "passed" ? "expected_failure" : each.status;
      report("test", {
        path,
        titles: [...each.ancestorTitles, each.title],
        outcome: OUTCOMES[outcome] ?? (outcome === "expected_failure" ? outcome : "skipped"),
        detail: textOf(each.failureMessages.join("\n")),
      });
    }
  }

  onRunComplete() {
    report("end");
  }
}

module.exports = Reports;
