/**
 * Searches bytes for texts in every form that a runtime may keep them in. It knows nothing of how Pawl masks. A text is looked
 * for by its halves, so that one which a page's border or a shortened message has cut is found too.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Where something is kept. */
export interface Place {
  /** A path below the directory, or what stands for the console. */
  readonly name: string;
  readonly bytes: Buffer;
}

export const filesBelow = (directory: string): readonly Place[] =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return { name: path.slice(directory.length + 1), bytes: readFileSync(path) };
    });

/** The characters of an encoded text that no neighbour changes, when `before` bytes of a group of three stand before it. */
const base64Core = (bytes: Buffer, before: number): string => {
  const encoded = Buffer.concat([Buffer.alloc(before), bytes]).toString("base64");
  const first = before === 0 ? 0 : before + 1;
  const total = before + bytes.length;
  return encoded.slice(first, Math.floor((total * 8) / 6));
};

const jsonOf = (text: string): string => JSON.stringify(text).slice(1, -1);

/** Form -> how the text is written in it. */
const writtenForms = (text: string): Readonly<Record<string, string>> => {
  const bytes = Buffer.from(text);
  const url = encodeURIComponent(text);
  const base64 = [0, 1, 2].flatMap((before) => {
    const core = base64Core(bytes, before);
    const safe = core.replaceAll("+", "-").replaceAll("/", "_");
    return [
      [`base64 at ${before}`, core],
      [`base64 for addresses at ${before}`, safe],
      [`base64 in an address at ${before}`, encodeURIComponent(core)],
    ];
  });
  return {
    raw: text,
    JSON: jsonOf(text),
    "JSON within JSON": jsonOf(jsonOf(text)),
    URL: url,
    "URL in lower case": url.replace(/%../g, (code) => code.toLowerCase()),
    form: new URLSearchParams([["", text]]).toString().slice(1),
    address: encodeURI(text),
    hex: bytes.toString("hex"),
    "upper-case hex": bytes.toString("hex").toUpperCase(),
    ...(Object.fromEntries(base64) as Record<string, string>),
  };
};

/** One byte a character where that goes, as SQLite and V8 write; and two. */
const encodings = ["utf8", "latin1", "utf16le"] as const;

export interface Needle {
  readonly form: string;
  readonly encoding: (typeof encodings)[number];
  readonly bytes: Buffer;
}

/** Each sequence of bytes once. */
export const needlesOf = (text: string): readonly Needle[] => {
  const needles = new Map<string, Needle>();
  for (const [form, written] of Object.entries(writtenForms(text))) {
    for (const encoding of encodings) {
      const bytes = Buffer.from(written, encoding);
      const key = bytes.toString("latin1");
      if (!needles.has(key)) needles.set(key, { form, encoding, bytes });
    }
  }
  return [...needles.values()];
};

/** Whoever finds a half has found too much. */
export const needlesOfHalves = (text: string): readonly Needle[] => {
  const middle = Math.floor(text.length / 2);
  return [text.slice(0, middle), text.slice(middle)].flatMap(needlesOf);
};

export interface Find {
  readonly place: string;
  readonly form: string;
  /** What stands around it. */
  readonly excerpt: string;
}

const printable = (bytes: Buffer): string =>
  bytes.toString("latin1").replace(/[^\x20-\x7e]+/g, " ");

/** The first find of each needle in each place. */
export const search = (places: readonly Place[], needles: readonly Needle[]): readonly Find[] =>
  places.flatMap(({ name, bytes }) =>
    needles.flatMap(({ form, bytes: needle }) => {
      const at = bytes.indexOf(needle);
      if (at < 0) return [];
      const excerpt = printable(bytes.subarray(Math.max(0, at - 120), at + 120));
      return [{ place: name, form, excerpt }];
    }),
  );
