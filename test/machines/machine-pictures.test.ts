/**
 * The committed pictures are what the machines give today, and tell all of it: every state, every event, every arrow. The
 * drawing is checked too, as an eye would: nothing overlaps, nothing is cut off, no line runs through a box.
 */
import { readFileSync } from "node:fs";
import type { AnyStateNode } from "xstate";
import { describe, expect, it } from "vitest";
import { nodeMachine, workflowMachine } from "#machines/index";
import { renderMachinePictures } from "../../src/cli/machine-pictures.ts";

const pictures = await renderMachinePictures();
const drawnIn = (file: string): string =>
  pictures.find((picture) => picture.file === file)?.content ?? "";

const nodesIn = (node: AnyStateNode): readonly AnyStateNode[] =>
  Object.values(node.states).flatMap((inner) => [inner, ...nodesIn(inner)]);

const arrowsIn = (root: AnyStateNode): readonly (readonly [string, string, string])[] =>
  nodesIn(root).flatMap((node) =>
    [...node.transitions.values()]
      .flat()
      .map(
        ({ target, eventType }) => [idOf(node), eventType as string, idOf(target![0]!)] as const,
      ),
  );

const idOf = ({ path }: AnyStateNode): string => path.join("_");

const matches = (text: string, pattern: RegExp): readonly string[] =>
  [...text.matchAll(pattern)].map((match) => match[1]!);

const sorted = (words: readonly string[]): readonly string[] => words.toSorted();

interface Rect {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

const rectsIn = (svg: string): readonly Rect[] =>
  [
    ...svg.matchAll(/<rect(?: class="\w+")? x="(.+?)" y="(.+?)" width="(.+?)" height="(.+?)" rx=/g),
  ].map((match) => {
    const [x = 0, y = 0, width = 0, height = 0] = match.slice(1).map(Number);
    return { x, y, width, height };
  });

/** One rectangle for each state and each event. A final state's ring is its outermost one and comes first. */
const boxesIn = (svg: string): readonly Rect[] =>
  matches(svg, /^(<g class="\w+(?: final| label)?"><rect.*)$/gm).map((group) => rectsIn(group)[0]!);

/** Points along every line, close enough that none could jump over a box. */
const pointsOnLines = (svg: string): readonly (readonly [number, number])[] =>
  matches(svg, /<path d="M(.+?)"/g).flatMap((path) => {
    const points = path.split(/[C ]/).map((pair) => pair.split(",").map(Number));
    const curves = Array.from({ length: (points.length - 1) / 3 }, (_, i) =>
      points.slice(3 * i, 3 * i + 4),
    );
    return curves.flatMap(([a, b, c, d]) =>
      Array.from({ length: 101 }, (_, step) => {
        const t = step / 100;
        const at = (axis: 0 | 1): number =>
          (1 - t) ** 3 * a![axis]! +
          3 * (1 - t) ** 2 * t * b![axis]! +
          3 * (1 - t) * t ** 2 * c![axis]! +
          t ** 3 * d![axis]!;
        return [at(0), at(1)] as const;
      }),
    );
  });

it.for(pictures)("$file is what the machine gives", ({ file, content }) => {
  const committed = readFileSync(new URL(`../../${file}`, import.meta.url), "utf8");
  expect(committed).toBe(content);
});

it("there is a text and a drawing of each machine", () => {
  expect(pictures.map(({ file }) => file)).toEqual([
    "docs/machines/node.mmd",
    "docs/machines/node.svg",
    "docs/machines/workflow.mmd",
    "docs/machines/workflow.svg",
  ]);
});

describe.for([nodeMachine, workflowMachine])("the pictures of the $id machine", ({ id, root }) => {
  const mermaid = drawnIn(`docs/machines/${id}.mmd`);
  const svg = drawnIn(`docs/machines/${id}.svg`);
  const states = nodesIn(root as AnyStateNode);
  const arrows = arrowsIn(root as AnyStateNode);
  const finals = states.filter(({ type }) => type === "final");

  it("name every state", () => {
    expect(sorted(matches(svg, /class="name"[^>]*>(.+?)</g))).toEqual(
      sorted(states.map(({ key }) => key)),
    );
    expect(matches(mermaid, /state "(.+)" as/g)).toEqual(states.map(({ key }) => key));
  });

  it("draw every transition with its event", () => {
    expect(sorted(matches(svg, /class="event"[^>]*>(.+?)</g))).toEqual(
      sorted(arrows.map(([, event]) => event)),
    );
    const drawn = [...mermaid.matchAll(/(\w+) --> (\w+) : (.+)/g)].flatMap((match) =>
      match[3]!.split("<br>").map((event) => [match[1], event, match[2]].join(" ")),
    );
    expect(sorted(drawn)).toEqual(sorted(arrows.map((arrow) => arrow.join(" "))));
  });

  it("mark where a life begins and where it ends", () => {
    const compounds = states.filter(({ type }) => type === "compound");
    expect(matches(svg, /(<circle)/g)).toHaveLength(compounds.length + 1);
    expect(matches(mermaid, /\[\*\] --> (\w+)/g)).toEqual(
      [root as AnyStateNode, ...compounds].map(({ initial }) => idOf(initial.target[0]!)),
    );
    expect(matches(svg, /(class="\w+ final")/g)).toHaveLength(finals.length);
    expect(matches(mermaid, /class (\S+) final/g)).toEqual([finals.map(idOf).join(",")]);
  });

  it("show every description of a state", () => {
    const notes = matches(svg, /class="note"[^>]*>(.+?)</g).join(" ");
    const descriptions = states.flatMap(({ description }) => description ?? []);
    expect(notes).toBe(descriptions.join(" "));
    expect(matches(mermaid, /^ +\w+ : (.+)$/gm)).toEqual(descriptions);
  });

  it("cut nothing off and let no two boxes overlap", () => {
    const page = rectsIn(svg)[0]!;
    const boxes = boxesIn(svg);
    const ends = new Set(arrows.map(([source, , target]) => `${source} ${target}`));
    const leaves = states.filter(({ type }) => type !== "compound");
    expect(boxes).toHaveLength(leaves.length + ends.size);
    const cut = boxes.filter(
      ({ x, y, width, height }) =>
        x < page.x + 8 ||
        y < page.y + 8 ||
        x + width > page.x + page.width - 8 ||
        y + height > page.y + page.height - 8,
    );
    expect(cut).toEqual([]);
    const overlapping = boxes.flatMap((one, index) =>
      boxes
        .slice(index + 1)
        .filter(
          (other) =>
            one.x < other.x + other.width &&
            other.x < one.x + one.width &&
            one.y < other.y + other.height &&
            other.y < one.y + one.height,
        ),
    );
    expect(overlapping).toEqual([]);
  });

  it("run no line through a box", () => {
    const boxes = boxesIn(svg);
    const inside = pointsOnLines(svg).filter(([x, y]) =>
      boxes.some(
        (box) =>
          x > box.x + 1 && x < box.x + box.width - 1 && y > box.y + 1 && y < box.y + box.height - 1,
      ),
    );
    expect(inside).toEqual([]);
  });
});
