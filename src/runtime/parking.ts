/** Nodes that have begun and wait without a place. A multi-step node may wait for several things at once, and parks once. */
import type { NodeEnvironment, Park } from "./node-environment.ts";

interface Loop {
  readonly isOver: () => boolean;
  readonly leave: (nodeId: string, park: Park) => void;
  readonly takePlace: (nodeId: string) => void;
}

export const parkingOf = (loop: Loop): NodeEnvironment["parked"] => {
  /** Place in the order -> how many things the node waits for. */
  const parks = new Map<number, number>();
  return async ({ id, index }, park, wait) => {
    const before = parks.get(index) ?? 0;
    parks.set(index, before + 1);
    if (before === 0 && !loop.isOver()) loop.leave(id, park);
    try {
      return await wait();
    } finally {
      const left = parks.get(index)! - 1;
      if (left > 0) parks.set(index, left);
      else parks.delete(index);
      if (left === 0 && !loop.isOver()) loop.takePlace(id);
    }
  };
};
