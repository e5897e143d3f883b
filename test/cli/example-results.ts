/** What every example is expected to come to: a run's status, and for each node its outputs or why it has none. */
import type { NodeExecution, WorkflowExecution } from "#core/report";
import type { InputOverrides } from "#core/inputs";
import type { NodeRuntimeValues } from "#core/value";

interface NotCompleted {
  readonly status: "failed" | "skipped";
  readonly [fact: string]: unknown;
}
type NodeResult = NodeRuntimeValues | NotCompleted;

interface ExampleResult {
  /** For an example that waits for a person: a test does not. */
  readonly inputs?: InputOverrides;
  readonly exitCode: number;
  readonly status: WorkflowExecution["status"];
  readonly nodes: Readonly<Record<string, NodeResult>>;
}

const failed = (error: string): NotCompleted => ({ status: "failed", error });
const skipped = (skipReason: string, cause: string, ...blockedBy: string[]): NotCompleted => ({
  status: "skipped",
  skipReason,
  cause,
  blockedBy,
});

const resultOf = ({ status, outputs, ...node }: NodeExecution): NodeResult => {
  if (outputs !== null) return outputs;
  const { error, skipReason, cause, blockedBy } = node;
  return status === "failed"
    ? failed(error ?? "")
    : skipped(skipReason ?? "", cause ?? "", ...(blockedBy ?? []));
};

/** The part of a record that is expected, node by node in the order of the document. */
export const resultsOf = ({ status, nodeExecutions }: WorkflowExecution) => ({
  status,
  nodes: nodeExecutions.map((node) => [node.nodeId, resultOf(node)]),
});

/** The same as options of the command. */
export const inputOptionsOf = ({ inputs = {} }: ExampleResult): readonly string[] =>
  Object.entries(inputs).flatMap(([node, values]) =>
    Object.entries(values).flatMap(([port, value]) => [
      "-i",
      `${node}.${port}=${JSON.stringify(value)}`,
    ]),
  );

export const exampleResults: Readonly<Record<string, ExampleResult>> = {
  "order-triage.json": {
    exitCode: 0,
    status: "completed",
    nodes: {
      "order-number": { value: "ORD-2107" },
      note: { value: "Please hurry, this is URGENT: the party is on Saturday." },
      "note-in-lower-case": { result: "please hurry, this is urgent: the party is on saturday." },
      "is-urgent": { result: true },
      fork: { true: "ORD-2107" },
      courier: { result: "ORD-2107 goes out by courier today.", missingVariables: [] },
      van: skipped("conditional_branch", "branch", "fork"),
      join: { result: "ORD-2107 goes out by courier today." },
      decision: { displayValue: "ORD-2107 goes out by courier today." },
    },
  },
  "checkout-total.json": {
    exitCode: 0,
    status: "completed",
    nodes: {
      goods: { value: 80 },
      shipping: { value: 6.5 },
      coupon: { value: "WINTER" },
      "is-valid": { result: false },
      fork: { false: 80 },
      discount: skipped("conditional_branch", "branch", "fork"),
      total: { result: 86.5 },
      pay: { displayValue: 86.5 },
    },
  },
  "ticket-routing.json": {
    exitCode: 0,
    status: "completed",
    nodes: {
      subject: { value: "[Delivery] Where is my parcel? 📦" },
      tag: { matches: ["Delivery"] },
      "tag-text": { result: "Delivery", missingVariables: [] },
      team: { result: "delivery" },
      route: { case_2: "[Delivery] Where is my parcel? 📦" },
      billing: skipped("conditional_branch", "branch", "route"),
      delivery: {
        result: "[Delivery] Where is my parcel? 📦 => Delivery looks for the parcel now.",
        missingVariables: [],
      },
      returns: skipped("conditional_branch", "branch", "route"),
      "front-desk": skipped("conditional_branch", "branch", "route"),
      answer: { result: "[Delivery] Where is my parcel? 📦 => Delivery looks for the parcel now." },
      "show-answer": {
        displayValue: "[Delivery] Where is my parcel? 📦 => Delivery looks for the parcel now.",
      },
    },
  },
  "sales-report.json": {
    exitCode: 0,
    status: "completed",
    nodes: {
      monday: { value: 1820 },
      tuesday: { value: 1466 },
      wednesday: { value: 1710.5 },
      thursday: { value: 2045 },
      friday: { value: 2612.25 },
      total: { result: 9653.75 },
      mean: { result: 1930.75 },
      middle: { result: 1820 },
      best: { result: 2612.25 },
      worst: { result: 1466 },
      "total-text": { result: "9653.75" },
      "mean-text": { result: "1930.75" },
      "middle-text": { result: "1820" },
      "best-text": { result: "2612.25" },
      "worst-text": { result: "1466" },
      sentence: {
        result:
          "The week brought 9653.75: 1930.75 a day in the mean, 1820 on the middle day, between 1466 and 2612.25.",
        missingVariables: [],
      },
      report: {
        displayValue:
          "The week brought 9653.75: 1930.75 a day in the mean, 1820 on the middle day, between 1466 and 2612.25.",
      },
    },
  },
  "hourly-load.json": {
    exitCode: 0,
    status: "completed",
    nodes: {
      "mean-load": { value: 400 },
      "hour-00": { result: 250 },
      "hour-01": { result: 200 },
      "hour-02": { result: 200 },
      "hour-03": { result: 200 },
      "hour-04": { result: 200 },
      "hour-05": { result: 250 },
      "hour-06": { result: 350 },
      "hour-07": { result: 500 },
      "hour-08": { result: 550 },
      "hour-09": { result: 450 },
      "hour-10": { result: 500 },
      "hour-11": { result: 400 },
      "hour-12": { result: 400 },
      "hour-13": { result: 400 },
      "hour-14": { result: 400 },
      "hour-15": { result: 400 },
      "hour-16": { result: 500 },
      "hour-17": { result: 600 },
      "hour-18": { result: 650 },
      "hour-19": { result: 600 },
      "hour-20": { result: 550 },
      "hour-21": { result: 450 },
      "hour-22": { result: 300 },
      "hour-23": { result: 300 },
      peak: { result: 650 },
      low: { result: 200 },
      energy: { result: 9600 },
      swing: { result: 450 },
      "show-peak": { displayValue: 650 },
      "show-swing": { displayValue: 450 },
      "show-energy": { displayValue: 9600 },
    },
  },
  "text-clean-up.json": {
    exitCode: 0,
    status: "completed",
    nodes: {
      raw: { value: "  Crème  brûlée,\n\t the EASY way!   (2026 edition)  " },
      normal: { result: "  Crème  brûlée,\n\t the EASY way!   (2026 edition)  " },
      "one-line": { result: " Crème brûlée, the EASY way! (2026 edition) " },
      title: { result: "Crème brûlée, the EASY way! (2026 edition)" },
      lower: { result: "crème brûlée, the easy way! (2026 edition)" },
      dashed: { result: "crème-brûlée-the-easy-way-2026-edition-" },
      slug: { result: "crème-brûlée-the-easy-way-2026-edition" },
      words: { result: ["Crème", "brûlée,", "the", "EASY", "way!", "(2026", "edition)"] },
      "show-title": { displayValue: "Crème brûlée, the EASY way! (2026 edition)" },
      "show-slug": { displayValue: "crème-brûlée-the-easy-way-2026-edition" },
      "show-words": {
        displayValue: ["Crème", "brûlée,", "the", "EASY", "way!", "(2026", "edition)"],
      },
    },
  },
  "letter.json": {
    exitCode: 0,
    status: "completed",
    nodes: {
      order: {
        json: {
          customer: { name: "Ada Okafor", city: "Utrecht" },
          items: [
            { name: "Desk lamp", count: 2 },
            { name: "Bulb", count: 6 },
          ],
          total: "94.50 EUR",
        },
      },
      letter: {
        result:
          "Dear Ada Okafor,\n\nthank you for your order: 2 x Desk lamp and 6 x Bulb, 94.50 EUR in all.\nIt is on its way to Utrecht and should arrive on {{delivery.day}}.\n\nKind regards",
        missingVariables: ["delivery.day"],
      },
      "show-letter": {
        displayValue:
          "Dear Ada Okafor,\n\nthank you for your order: 2 x Desk lamp and 6 x Bulb, 94.50 EUR in all.\nIt is on its way to Utrecht and should arrive on {{delivery.day}}.\n\nKind regards",
      },
      "show-gaps": { displayValue: ["delivery.day"] },
    },
  },
  "failing-branch.json": {
    exitCode: 1,
    status: "error",
    nodes: {
      revenue: { value: 1250 },
      units: { value: 0 },
      "unit-price": failed("Division by zero is not allowed"),
      "unit-price-text": skipped("upstream_failure", "failure", "unit-price"),
      "price-line": skipped("upstream_failure", "failure", "unit-price-text"),
      "show-price": skipped("upstream_failure", "failure", "price-line"),
      "revenue-text": { result: "1250" },
      "revenue-line": { result: "Revenue: 1250" },
      "show-revenue": { displayValue: "Revenue: 1250" },
    },
  },
  "approval.json": {
    exitCode: 0,
    inputs: { manager: { timeout: 50 } },
    status: "completed",
    nodes: {
      order: { value: "40 desk lamps, 1890 EUR" },
      manager: { timeout: true },
      sent: skipped("conditional_branch", "branch", "manager"),
      kept: skipped("conditional_branch", "branch", "manager"),
      nobody: { true: "Nobody decided in time: the order waits for the next meeting." },
      outcome: { result: "Nobody decided in time: the order waits for the next meeting." },
      "show-outcome": {
        displayValue: "Nobody decided in time: the order waits for the next meeting.",
      },
    },
  },
  "parcel.json": {
    exitCode: 0,
    inputs: { "pick-up": { duration: 50 }, carrier: { timeout: 50 } },
    status: "completed",
    nodes: {
      number: { value: "RX-4711" },
      "pick-up": { value: "RX-4711" },
      carrier: { timeout: true },
      arrived: skipped("conditional_branch", "branch", "carrier"),
      late: { true: "Your parcel is late. We ask the carrier." },
      message: { result: "Your parcel is late. We ask the carrier." },
      "show-message": { displayValue: "Your parcel is late. We ask the carrier." },
    },
  },
};
