/** Everything that a node can give away on the console. */
import { waysOf } from "./ways.ts";

/** What is printed from within. */
class Holder {
  readonly held: string;
  constructor(held: string) {
    this.held = held;
  }
}

const errorWith = (text: string): Error =>
  Object.assign(new TypeError(`failed for ${text}`, { cause: new Error(text) }), { text });

export const leakToConsole = (text: string): void => {
  const { log, debug, info, warn, error } = console;
  for (const say of [log, debug, info, warn, error]) {
    for (const way of Object.values(waysOf(text))) say(way);
    say("%s is the key, %o too, and so is", text, { key: text }, [text, [[{ deep: { text } }]]]);
    say({ [text]: text }, new Map([[text, text]]), new Set([text]), new Holder(text));
    say(errorWith(text));
    say({ error: errorWith(text) }, new AggregateError([errorWith(text)], text));
  }
  console.trace(text);
  console.dir({ text }, { depth: 0 });
  console.table([{ text }]);
  console.assert(false, text, { text });
  console.group(text);
  console.groupEnd();
  console.count(text);
  console.time(text);
  console.timeLog(text, text);
  console.timeEnd(text);
};
