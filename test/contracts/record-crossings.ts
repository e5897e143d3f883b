/** What an organization tries with runs of another: their records, their waits, their objects and what they cost. */
import * as Effect from "effect/Effect";
import type { ExecuteParams } from "#core/execution-context";
import type { WorkflowExecution } from "#core/report";
import { emptyRecord } from "#core/report";
import type { SavedExecution } from "#services/execution-store";
import type { BinaryValue } from "#services/node-definition";
import type { Wait } from "#services/wait-store";
import { graph } from "../support/graph.ts";
import type { Crossings, Ids } from "./crossing.ts";
import { savedRun } from "./execution-store.contract.ts";

const live: Partial<WorkflowExecution> = { status: "executing", endedAt: null };
const startedAt = "2026-11-24T10:00:00.000Z";
const earlier = "2026-11-24T09:00:00.000Z";
const later = "2026-11-24T11:00:00.000Z";

const paramsOf = (organizationId: string, { workflow }: Ids): ExecuteParams => ({
  workflow: { ...graph("a -> b"), id: workflow },
  userId: "user",
  organizationId,
  computeCredits: 100,
});

const runOf = (
  organizationId: string,
  ids: Ids,
  id: string,
  changes: Partial<WorkflowExecution>,
): SavedExecution => ({
  ...savedRun(organizationId, id, { workflowId: ids.workflow, ...changes }),
  definitionHash: ids.hash,
  instanceId: ids.instance,
});

const waitOf = (organizationId: string, ids: Ids): Wait => ({
  organizationId,
  executionId: ids.run,
  nodeId: ids.node,
  name: ids.wait,
  eventType: "wait_1",
  instanceId: ids.instance,
  openedAt: 1_000,
  deadline: 9_000,
  question: { text: ids.value },
});

const fileOf = (text: string): BinaryValue => ({
  data: new TextEncoder().encode(text),
  mimeType: "text/plain",
  filename: "file.txt",
});

const ExecutionStore: Crossings["ExecutionStore"] = {
  fill: (store, ids) => {
    const { organization } = ids;
    const start = paramsOf(organization, ids);
    return [
      store.save({ ...runOf(organization, ids, ids.run, { ...live, startedAt }), start }),
      store.save({ ...runOf(organization, ids, ids.ended, { startedAt: earlier }), start }),
      store.command(organization, ids.run, "pause"),
      store.acknowledge(organization, ids.run, 1),
    ];
  },
  look: (store, { organization, run, ended }) => [
    ["the live record", store.get(organization, run)],
    ["the final record", store.get(organization, ended)],
    ["the list", store.list(organization)],
    ["the start", store.readStart(organization, run)],
    ["the command", store.readCommand(organization, run)],
    [
      "the live row",
      Effect.map(store.listLive({ limit: 10_000 }), (rows) =>
        rows.filter(({ organizationId }) => organizationId === organization),
      ),
    ],
  ],
  tries: (store, organizationId, ids) => {
    const { run, ended, workflow } = ids;
    const get = (id: string) =>
      [`get ${id === run ? "run" : "ended"}`, store.get(organizationId, id)] as const;
    const readStart = ["read start", store.readStart(organizationId, run)] as const;
    const readCommand = ["read command", store.readCommand(organizationId, run)] as const;
    const list = ["list", store.list(organizationId)] as const;
    const command = (word: "pause" | "resume" | "cancel") =>
      [word, store.command(organizationId, run, word)] as const;
    const own = {
      ...runOf(organizationId, ids, run, live),
      execution: emptyRecord(workflow, run, "executing", Date.parse(startedAt)),
      start: { ...paramsOf(organizationId, ids), workflow: { ...graph("mine"), id: workflow } },
      isInitial: true,
    };
    return [
      get(run),
      get(ended),
      readStart,
      ["read start of ended", store.readStart(organizationId, ended)],
      readCommand,
      list,
      ["list executing", store.list(organizationId, { status: "executing" })],
      ["list workflow", store.list(organizationId, { workflowId: workflow })],
      ["list first", store.list(organizationId, { limit: 1 })],
      ["list after run", store.list(organizationId, { before: { startedAt, id: run } })],
      ["list after ended", store.list(organizationId, { before: { startedAt: later, id: ended } })],
      command("resume"),
      command("pause"),
      command("cancel"),
      ["acknowledge", store.acknowledge(organizationId, run, 9)],
      readCommand,
      // From here on there is a run of its own under that id, on a definition whose hash is another's.
      ["save", store.save(own)],
      get(run),
      readStart,
      readCommand,
      command("cancel"),
      ["save the end", store.save(runOf(organizationId, ids, run, { status: "cancelled" }))],
      ["save another end", store.save(runOf(organizationId, ids, ended, { status: "error" }))],
      get(run),
      get(ended),
      ["read start of ended", store.readStart(organizationId, ended)],
      list,
    ];
  },
  // Its own record was like that.
  silent: ["15 acknowledge", "17 save", "22 save the end", "24 get run"],
  ofAll: ["listLive"],
};

const WaitStore: Crossings["WaitStore"] = {
  fill: (store, ids) => {
    const wait = waitOf(ids.organization, ids);
    return [
      store.open(wait),
      store.open({ ...wait, executionId: ids.ended }),
      store.answer({ ...wait, executionId: ids.ended, data: ids.value, now: 2_000 }),
    ];
  },
  look: (store, { organization, run, ended }) => [
    ["open ones", store.list(organization, run)],
    ["answered ones", store.list(organization, ended)],
    ["unsettled ones", store.listUnsettled(organization, ended)],
  ],
  tries: (store, organizationId, ids) => {
    const wait = waitOf(organizationId, ids);
    const { executionId, nodeId } = wait;
    const answer = { organizationId, executionId, nodeId, data: "mine", now: 3_000 };
    const list = ["list", store.list(organizationId, executionId)] as const;
    const settle = ["settle", store.settle(wait, 3_000)] as const;
    return [
      list,
      ["list ended", store.list(organizationId, ids.ended)],
      ["list unsettled", store.listUnsettled(organizationId, ids.ended)],
      settle,
      ["settle ended", store.settle({ ...wait, executionId: ids.ended }, 3_000)],
      ["answer the node", store.answer(answer)],
      ["answer the wait", store.answer({ ...answer, name: wait.name })],
      ["answer ended", store.answer({ ...answer, executionId: ids.ended })],
      ["close", store.close(organizationId, executionId)],
      // From here on there is a wait of its own under that name.
      ["open", store.open({ ...wait, openedAt: 2_500, question: "mine" })],
      list,
      ["answer its own", store.answer(answer)],
      settle,
      list,
    ];
  },
  silent: ["9 close", "13 settle"],
  ofAll: [],
};

const ObjectStore: Crossings["ObjectStore"] = {
  fill: (store, { organization, run, object, value }) => [
    store.write({ organizationId: organization, executionId: run }, object, fileOf(value)),
    store.write({ organizationId: organization, executionId: run }, `${object}/2`, fileOf(value)),
  ],
  look: (store, { organization, run, object }) => {
    const scope = { organizationId: organization, executionId: run };
    return [
      ["the list", store.list(scope)],
      [
        "the object",
        Effect.flatMap(store.idOf(scope, object), (id) => store.read(organization, id)),
      ],
    ];
  },
  tries: (store, organizationId, { organization, run, object }) => {
    const scope = { organizationId, executionId: run };
    // An object's id says nothing of the organization: whoever has seen it in a record can write it into a document.
    const id = Effect.runPromise(
      store.idOf({ organizationId: organization, executionId: run }, object),
    );
    const withId = <A, E>(use: (id: string) => Effect.Effect<A, E>): Effect.Effect<A, E> =>
      Effect.flatMap(
        Effect.promise(() => id),
        use,
      );
    const read = ["read", withId((known) => store.read(organizationId, known))] as const;
    const list = ["list", store.list(scope)] as const;
    const paths = ["", "/", "./", "../", "../../"].flatMap((up) => [
      `${up}${organization}/objects`,
      `${up}${organization}`,
      up,
    ]);
    return [
      read,
      list,
      ["list the name", store.list({ organizationId, executionId: `${run}/${object}` })],
      [
        "list another's",
        store.list({ organizationId, executionId: `${organization}/objects/${run}` }),
      ],
      [
        "read by path",
        withId((known) =>
          Effect.forEach(paths, (path) =>
            store.read(organizationId, path === "" ? `/${known}` : `${path}/${known}`),
          ),
        ),
      ],
      ["id", store.idOf(scope, object)],
      ["remove", withId((known) => store.remove(organizationId, known))],
      [
        "remove by path",
        withId((known) =>
          Effect.forEach(paths, (path) => store.remove(organizationId, `${path}/${known}`), {
            discard: true,
          }),
        ),
      ],
      // From here on there is an object of its own of that name.
      ["write", store.write(scope, object, fileOf("mine"))],
      read,
      list,
    ];
  },
  // An id is made of the run's and the name, whoever asks.
  silent: [
    "3 list the name",
    "4 list another's",
    "5 read by path",
    "6 id",
    "7 remove",
    "8 remove by path",
    "9 write",
    "10 read",
  ],
  ofAll: [],
};

/** A run without a record: where one database holds both, a final record settles its run. */
const unrecorded = (run: string): string => `${run} in the ledger`;

const CreditService: Crossings["CreditService"] = {
  fill: (store, { organization: organizationId, run, ended, node }) => [
    store.reserve({
      organizationId,
      executionId: unrecorded(run),
      estimate: 6,
      limit: 10,
      now: 1_000,
    }),
    store.reserve({ organizationId, executionId: ended, estimate: 3, limit: 10, now: 1_000 }),
    store.allot({
      organizationId,
      executionId: unrecorded(run),
      nodeId: node,
      cost: 2,
      budget: 4,
      carried: 0,
    }),
    store.extend({
      organizationId,
      executionId: unrecorded(run),
      nodeId: node,
      excess: 1,
      saved: 0,
      most: 8,
      limit: 10,
    }),
    store.settle({ organizationId, executionId: ended, usage: 2, now: 2_000 }),
    store.setPlan(organizationId, { type: "fixed", allowance: 12 }),
  ],
  look: (store, { organization }) => [
    ["the account", store.account(organization)],
    ["the entries", store.listEntries(organization, { limit: 100 })],
    [
      "whether it is published",
      Effect.map(store.listUnpublished({ limit: 10_000 }), (ids) => !ids.includes(organization)),
    ],
    [
      "the open ones",
      Effect.map(store.listOpen({ limit: 10_000 }), (open) =>
        open.filter(({ organizationId }) => organizationId === organization),
      ),
    ],
  ],
  tries: (store, organizationId, { run, ended, node }) => {
    const key = { organizationId, executionId: unrecorded(run) };
    const account = ["account", store.account(organizationId)] as const;
    const entries = ["entries", store.listEntries(organizationId, { limit: 100 })] as const;
    const allot = [
      "allot",
      store.allot({ ...key, nodeId: node, cost: 1, budget: 2, carried: 0 }),
    ] as const;
    const extend = [
      "extend",
      store.extend({ ...key, nodeId: node, excess: 2, saved: 1, most: 8, limit: 14 }),
    ] as const;
    const correct = ["correct", store.correct({ ...key, nodeId: node, usage: 1 })] as const;
    return [
      account,
      entries,
      ["entries after ended", store.listEntries(organizationId, { limit: 100, after: ended })],
      allot,
      correct,
      extend,
      // From here on there are entries of its own under these ids.
      ["reserve", store.reserve({ ...key, estimate: 2, limit: 14, now: 5_000 })],
      [
        "reserve more",
        store.reserve({ ...key, executionId: ended, estimate: 3, limit: 14, now: 5_000 }),
      ],
      allot,
      correct,
      extend,
      ["allot another", store.allot({ ...key, nodeId: "another", cost: 1, budget: 2, carried: 0 })],
      ["settle", store.settle({ ...key, usage: 1, now: 6_000 })],
      ["publish", store.publishUsage(organizationId)],
      account,
      entries,
      ["plan", store.setPlan(organizationId, { type: "unlimited" })],
      account,
    ];
  },
  silent: [
    "5 correct",
    "7 reserve",
    "8 reserve more",
    "9 allot",
    "10 correct",
    "11 extend",
    "12 allot another",
    "13 settle",
    "14 publish",
    "17 plan",
  ],
  ofAll: ["listOpen", "listUnpublished"],
};

export const recordCrossings = { ExecutionStore, WaitStore, ObjectStore, CreditService };
