/**
 * Graphs before they have words: how many nodes there are and which lead to which. In a sketch every edge leads from a lower
 * number to a higher one, so it has no cycle; a knot is a sketch with one edge back.
 */
import * as fc from "fast-check";

type Link = readonly [from: number, to: number];

export interface Sketch {
  readonly shape: "chain" | "fan" | "ladder" | "layered" | "random" | "knot";
  readonly size: number;
  readonly links: readonly Link[];
}

/** All lengths are equally welcome: fast-check would keep to short ones. */
const arrayOf = <A>(
  one: fc.Arbitrary<A>,
  minLength: number,
  maxLength: number,
): fc.Arbitrary<A[]> => fc.array(one, { minLength, maxLength, size: "max" });

const chain: fc.Arbitrary<Sketch> = fc.integer({ min: 0, max: 40 }).map((size) => ({
  shape: "chain",
  size,
  links: Array.from({ length: Math.max(0, size - 1) }, (_, from): Link => [from, from + 1]),
}));

const fan: fc.Arbitrary<Sketch> = fc
  .record({ width: fc.integer({ min: 1, max: 30 }), isJoined: fc.boolean() })
  .map(({ width, isJoined }) => {
    const leaves = Array.from({ length: width }, (_, leaf) => leaf + 1);
    const out = leaves.map((leaf): Link => [0, leaf]);
    const back = isJoined ? leaves.map((leaf): Link => [leaf, width + 1]) : [];
    return { shape: "fan", size: width + (isJoined ? 2 : 1), links: [...out, ...back] };
  });

/** Diamonds, each on the foot of the one before. */
const ladder: fc.Arbitrary<Sketch> = fc.integer({ min: 1, max: 12 }).map((rungs) => ({
  shape: "ladder",
  size: 3 * rungs + 1,
  links: Array.from({ length: rungs }, (_, rung): Link[] => {
    const top = 3 * rung;
    return [
      [top, top + 1],
      [top, top + 2],
      [top + 1, top + 3],
      [top + 2, top + 3],
    ];
  }).flat(),
}));

/** Each node takes one to three edges from the layer above. */
const layered: fc.Arbitrary<Sketch> = arrayOf(arrayOf(arrayOf(fc.nat(5), 1, 3), 1, 6), 1, 7).map(
  (layers) => {
    const links: Link[] = [];
    let above: readonly number[] = [];
    let size = 0;
    for (const layer of layers) {
      const here = layer.map((_, place) => size + place);
      for (const [place, picks] of layer.entries()) {
        for (const pick of new Set(picks.map((n) => above[n % above.length]))) {
          if (pick !== undefined) links.push([pick, here[place]!]);
        }
      }
      above = here;
      size += layer.length;
    }
    return { shape: "layered", size, links };
  },
);

/** Each node takes up to four edges from any nodes before it. */
const random: fc.Arbitrary<Sketch> = arrayOf(fc.array(fc.nat(1000), { maxLength: 4 }), 0, 30).map(
  (picks) => ({
    shape: "random",
    size: picks.length,
    links: picks.flatMap((sources, to) =>
      to === 0 ? [] : [...new Set(sources.map((n) => n % to))].map((from): Link => [from, to]),
    ),
  }),
);

export const sketch: fc.Arbitrary<Sketch> = fc.oneof(
  { arbitrary: chain, weight: 1 },
  { arbitrary: fan, weight: 1 },
  { arbitrary: ladder, weight: 1 },
  { arbitrary: layered, weight: 2 },
  { arbitrary: random, weight: 3 },
);

/** Walks a few links on from a node, then leads back to it; no step at all is a node that leads to itself. */
export const knot: fc.Arbitrary<Sketch> = fc
  .record({
    sketch: sketch.filter(({ size }) => size > 0),
    start: fc.nat(1000),
    turns: fc.array(fc.nat(1000), { maxLength: 6 }),
  })
  .map(({ sketch: { size, links }, start, turns }) => {
    const first = start % size;
    let at = first;
    for (const turn of turns) {
      const onward = links.filter(([from]) => from === at);
      if (onward.length > 0) at = onward[turn % onward.length]![1];
    }
    return { shape: "knot", size, links: [...links, [at, first]] };
  });
