/**
 * Names of durable steps (STEP-1). They are part of what a replay relies on: the same document gives the same names.
 */
export const initialiseStep = "initialise workflow";
export const preloadStep = "preload organization resources";
export const persistStep = "persist final execution record";

/** Cloudflare takes 256 characters; below that there is room for a sub-step's own name. */
const longestId = 160;
const longestSubStep = 60;

/**
 * Whether an id may stand in a name as it is. Control characters and lone surrogates do not survive in one, and what looks
 * like a sub-step's name or a shortened id could be taken for it.
 */
const isPlain = (id: string): boolean =>
  id.isWellFormed() && !/\p{Cc}| \/ |^[\s/]|[\s/]$| ~[0-9a-f]{16}$/u.test(id);

/**
 * 64 bits of the whole id, in two lanes that mix differently: one 32-bit hash meets itself among 100,000 ids. Never change
 * it: recorded runs rely on the names.
 */
const fingerprint = (id: string): string => {
  let left = 0x811c9dc5;
  let right = 0x9747b28c;
  for (let index = 0; index < id.length; index++) {
    const unit = id.charCodeAt(index);
    left = Math.imul(left ^ unit, 0x01000193);
    right = Math.imul((right + unit) ^ (right >>> 15), 0x85ebca6b);
  }
  right = Math.imul(right ^ (left >>> 13), 0xc2b2ae35);
  return [left, right].map((lane) => (lane >>> 0).toString(16).padStart(8, "0")).join("");
};

/** Shortened names keep a readable head and end in a hash of the whole. */
const shortened = (id: string, longest: number): string =>
  id.length <= longest && isPlain(id)
    ? id
    : `${id
        .slice(0, longest - 20)
        .toWellFormed()
        .replaceAll(/\p{Cc}/gu, " ")} ~${fingerprint(id)}`;

export const nodeStepName = (nodeId: string): string => `run node ${shortened(nodeId, longestId)}`;

/** A durable sub-step of a multi-step node. */
export const subStepName = (nodeId: string, name: string): string =>
  `${nodeStepName(nodeId)} / ${shortened(name, longestSubStep)}`;

/** A part of an object's name: no slash of its own, so that no two nodes ever mean one object. */
const namePart = (text: string, longest: number): string =>
  encodeURIComponent(shortened(text, longest));

/**
 * What an output's bytes are stored under; `index` counts the files of a list. The same for every attempt and every replay.
 */
export const outputObjectName = (nodeId: string, output: string, index: number): string =>
  `${namePart(nodeId, longestId)}/${namePart(output, longestSubStep)}/${index}`;
