/** Names that a person may have meant. */

/** How many letters must be added, dropped or replaced. */
const editDistance = (a: string, b: string): number => {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(replaced, (previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
    previous = row;
  }
  return previous[b.length] ?? 0;
};

const sharedStart = (a: string, b: string): number => {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return length;
};

/** At most four, nearest first: names with the word in them, a few letters away, or that begin alike. */
export const nearest = (word: string, names: readonly string[]): readonly string[] => {
  const wanted = word.slice(0, 60).toLowerCase();
  return names
    .map((name) => {
      const known = name.toLowerCase();
      const isPart = wanted.length > 2 && (known.includes(wanted) || wanted.includes(known));
      const limit = Math.max(1, Math.floor(wanted.length / 3));
      const edits = editDistance(wanted, known);
      const distance = isPart ? 1 : edits <= limit ? edits : Number.POSITIVE_INFINITY;
      return { name, distance: sharedStart(wanted, known) >= 4 ? Math.min(distance, 3) : distance };
    })
    .filter(({ distance }) => Number.isFinite(distance))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, 4)
    .map(({ name }) => name);
};
