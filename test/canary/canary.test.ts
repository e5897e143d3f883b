/**
 * SECRET-1, for real: secrets and tokens go through runs of every kind, and then every byte that the local runtime has written
 * is searched for them: its files, its logs, its console. Nodes do their worst. Markers that are no secrets go the same ways, and
 * so do secrets of an organization that nothing is masked for: a search or a scenario that could find nothing fails too.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { notes, query } from "../crash/stored-runs.ts";
import type { Channel } from "./marker.ts";
import { markerOf } from "./marker.ts";
import type { Played } from "./scenario.ts";
import { clean, controlValues, directory, play, values } from "./scenario.ts";
import type { Find, Place } from "./search.ts";
import { needlesOf, needlesOfHalves, search } from "./search.ts";

let played: Played;

beforeAll(async () => {
  played = await play();
});
afterAll(clean);

/** Storage -> what its places are called. */
const storages: Readonly<Record<string, RegExp>> = {
  D1: /^v3\/d1\//,
  R2: /^v3\/r2\//,
  KV: /^v3\/kv\//,
  Workflows: /^v3\/workflows\//,
  objects: /^v3\/do\//,
  traces: /^v3\/observability\//,
  console: /^console$/,
  logs: /^logs\//,
};

const placesOf = (storage: string): readonly Place[] =>
  played.places.filter(({ name }) => storages[storage]!.test(name));

const storagesWith = (texts: readonly Buffer[]): readonly string[] =>
  Object.keys(storages).filter((storage) =>
    placesOf(storage).some(({ bytes }) => texts.some((text) => bytes.includes(text))),
  );

const storagesOf = (channel: Channel): readonly string[] =>
  storagesWith(needlesOf(markerOf(channel)).map(({ bytes }) => bytes));

/** A line for each place. */
const briefly = (finds: readonly Find[]): readonly string[] =>
  [...Map.groupBy(finds, ({ place }) => place)].map(
    ([place, inPlace]) =>
      `${place}: ${inPlace.length} finds, first as ${inPlace[0]!.form}: ${inPlace[0]!.excerpt}`,
  );

const findsOf = (texts: readonly string[]): readonly Find[] =>
  search(played.places, texts.flatMap(needlesOfHalves));

test("no secret and no token is in any byte that the local runtime has written", () => {
  expect(briefly(findsOf(values))).toEqual([]);
});

/** Wherever nodes can bring what they know. */
const reachable = ["D1", "R2", "Workflows", "traces", "console", "logs"];

test.each(Object.keys(controlValues))(
  "the same search finds '%s' of an organization that nothing is masked for, wherever nodes can bring it",
  (name) => {
    expect(played.control).toBe("error");
    const places = findsOf([controlValues[name]!]).map(({ place }) => place);
    const found = Object.keys(storages).filter((storage) =>
      places.some((place) => storages[storage]!.test(place)),
    );
    expect(found).toEqual(reachable);
  },
);

test("every run ends as it should", () => {
  const ended = [...played.records].map(([id, record]) => [
    id,
    record?.status ?? played.started.get(id),
  ]);
  expect(Object.fromEntries(ended)).toEqual({
    cancelled: "cancelled",
    completed: "completed",
    failed: "error",
    killed: "completed",
    large: "completed",
    "left behind": "error",
    redriven: "error",
    "refused for its document": "refused",
    "refused for its inputs": "refused",
    retried: "error",
    spread: "error",
    "timed out": "error",
    waiting: "completed",
    "waiting when killed": "completed",
  });
});

test("the server dies while a node holds the secrets, and the node begins again", () => {
  const held = notes(directory).filter(({ execution }) => execution === "killed");
  expect(held.map(({ node, what }) => [node, what])).toEqual([
    ["hold", "begin"],
    ["hold", "begin"],
  ]);
});

test("nodes read the right values by name, whatever came before them", () => {
  const checks = [...played.records].flatMap(
    ([id, record]) =>
      record?.nodeExecutions
        .filter(({ nodeId }) => nodeId === "check")
        .map(({ outputs }) => [id, outputs]) ?? [],
  );
  const right = { out: true };
  expect(Object.fromEntries(checks)).toEqual({
    completed: right,
    failed: right,
    killed: right,
    large: right,
    redriven: right,
    retried: right,
    spread: right,
    "timed out": right,
    waiting: right,
    "waiting when killed": right,
  });
});

test("the secrets are kept all the while, as envelopes, and the token that had expired is a new one", () => {
  const kept = query<{ readonly name: string; readonly version: number; readonly size: number }>(
    directory,
    `SELECT name, key_version AS version, length(envelope) > 0 AS size FROM secrets
      WHERE organization_id = 'organization'
      UNION ALL SELECT id, version, length(envelope) > 0 FROM integrations
      WHERE organization_id = 'organization' ORDER BY 1`,
  );
  expect(kept.map(({ name, version, size }) => [name, version, size])).toEqual([
    ["ODD", 1, 1],
    ["PLAIN", 1, 1],
    ["mail", 1, 1],
    ["renewed", 2, 1],
  ]);
  expect(storagesWith([Buffer.from("parked")])).toContain("objects");
});

test.each<readonly [Channel, readonly string[]]>([
  ["answer", ["D1", "R2", "Workflows"]],
  ["cache", ["KV"]],
  ["console", ["traces", "console", "logs"]],
  ["error", ["D1", "R2", "Workflows"]],
  ["file", ["R2", "Workflows"]],
  ["large", ["R2"]],
  ["late", ["traces", "console", "logs"]],
  ["object", ["objects"]],
  ["output", ["D1", "R2", "Workflows"]],
  ["question", ["D1", "R2", "Workflows"]],
  ["step", ["R2", "Workflows"]],
  ["trigger", ["D1", "R2", "Workflows"]],
])("the search finds what is no secret and goes the way '%s'", (channel, expected) => {
  expect(storagesOf(channel)).toEqual(expect.arrayContaining([...expected]));
});

test("the search finds what is written in each encoding, in one byte a character and in two", () => {
  const isFound = (bytes: Buffer): boolean =>
    placesOf("Workflows").some((place) => place.bytes.includes(bytes));
  const found = needlesOf(markerOf("output")).filter(({ bytes }) => isFound(bytes));
  const forms = Map.groupBy(found, ({ form }) => form);
  // What is beyond ASCII shows which encoding it was; the rest is the same in UTF-8 and Latin-1.
  const inBoth = ["utf8", "utf16le"];
  expect(
    Object.fromEntries(
      [...forms].map(([form, all]) => [form, all.map(({ encoding }) => encoding)]),
    ),
  ).toEqual({
    raw: ["latin1", "utf16le"],
    JSON: ["utf8", "latin1", "utf16le"],
    "JSON within JSON": ["utf8", "latin1", "utf16le"],
    URL: inBoth,
    form: inBoth,
    address: inBoth,
    hex: inBoth,
    "upper-case hex": inBoth,
    "base64 at 0": inBoth,
    "base64 at 1": inBoth,
    "base64 at 2": inBoth,
    "base64 for addresses at 0": inBoth,
    "base64 for addresses at 1": inBoth,
    "base64 in an address at 2": inBoth,
  });
});

test.each(["PLAIN", "ODD", "mail", "renewed"])("a mask stands in the place of '%s'", (name) => {
  const masks = (["utf8", "utf16le"] as const).map((encoding) =>
    Buffer.from(`[secret:${name}]`, encoding),
  );
  expect(storagesWith(masks)).toEqual(reachable);
});
