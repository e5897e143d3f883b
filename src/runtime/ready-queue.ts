/**
 * Nodes that may start, first in topological order first: with one at a time the run is the order itself. A binary heap of
 * indexes, so that a wide graph costs O(log n) a node.
 */
export interface ReadyQueue {
  readonly push: (index: number) => void;
  /** Undefined when nothing is ready. */
  readonly pop: () => number | undefined;
  readonly isEmpty: () => boolean;
}

export const makeReadyQueue = (): ReadyQueue => {
  const heap: number[] = [];
  const swap = (a: number, b: number): void => {
    const kept = heap[a]!;
    heap[a] = heap[b]!;
    heap[b] = kept;
  };
  return {
    isEmpty: () => heap.length === 0,
    push: (index) => {
      let at = heap.push(index) - 1;
      while (at > 0) {
        const parent = (at - 1) >> 1;
        if (heap[parent]! <= heap[at]!) return;
        swap(parent, at);
        at = parent;
      }
    },
    pop: () => {
      if (heap.length <= 1) return heap.pop();
      swap(0, heap.length - 1);
      const first = heap.pop();
      let at = 0;
      for (;;) {
        const left = 2 * at + 1;
        const right = left + 1;
        if (left >= heap.length) return first;
        const least = right < heap.length && heap[right]! < heap[left]! ? right : left;
        if (heap[at]! <= heap[least]!) return first;
        swap(at, least);
        at = least;
      }
    },
  };
};
