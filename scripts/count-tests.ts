/** Adds up Vitest's JSON reports into one line: `1234 passed, 0 failed`. Fails when a test failed, was skipped, or none ran. */
import { readFileSync } from "node:fs";

interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
}

const reports = process.argv
  .slice(2)
  .map((file) => JSON.parse(readFileSync(file, "utf8")) as Report);
const total = (count: (report: Report) => number): number =>
  reports.reduce((sum, report) => sum + count(report), 0);

const passed = total(({ numPassedTests }) => numPassedTests);
const failed = total(({ numFailedTests }) => numFailedTests);
const left = total(({ numPendingTests, numTodoTests }) => numPendingTests + numTodoTests);
if (left > 0) process.stdout.write(`${left} tests did not run\n`);
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exitCode = failed > 0 || left > 0 || passed === 0 ? 1 : 0;
