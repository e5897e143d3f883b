/**
 * An immutable list of a fixed length, whose places are empty until they are set. Setting a place copies the path to it, a
 * few small arrays, and shares the rest: what a state of 100,000 nodes costs to change hardly differs from one of 100.
 */
const bits = 3;
const width = 1 << bits;
const mask = width - 1;

type Branch<A> = readonly (Branch<A> | A | undefined)[];

export interface Vector<A> {
  /** Bits of an index below the root. */
  readonly shift: number;
  readonly root: Branch<A>;
}

const emptyBranch: Branch<never> = Array.from({ length: width }, () => undefined);

export const emptyVector = (length: number): Vector<never> => {
  let shift = 0;
  while (length > width << shift) shift += bits;
  return { shift, root: emptyBranch };
};

/** Undefined at an empty place. */
export const valueAt = <A>({ shift, root }: Vector<A>, index: number): A | undefined => {
  let branch: Branch<A> | undefined = root;
  for (let level = shift; level > 0; level -= bits) {
    branch = branch[(index >>> level) & mask] as Branch<A> | undefined;
    if (branch === undefined) return undefined;
  }
  return branch[index & mask] as A | undefined;
};

/** As deep as the tree: eight levels at a hundred million places. */
const branchWith = <A>(branch: Branch<A>, level: number, index: number, value: A): Branch<A> => {
  const copy = branch.slice();
  const slot = (index >>> level) & mask;
  copy[slot] =
    level === 0
      ? value
      : branchWith(
          (copy[slot] as Branch<A> | undefined) ?? emptyBranch,
          level - bits,
          index,
          value,
        );
  return copy;
};

export const withValueAt = <A>({ shift, root }: Vector<A>, index: number, value: A): Vector<A> => ({
  shift,
  root: branchWith(root, shift, index, value),
});
