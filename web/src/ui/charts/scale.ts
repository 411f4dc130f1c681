/** Where things go and which colour they have: pure arithmetic for the pictures. */
/** Fee rates, in satoshis per virtual byte, at which the next colour begins. Colour i is class `heat-i`. */
export const FEE_STEPS = [1, 2, 5, 10, 20, 50] as const;

/** The colour's number of a fee rate, 0 to FEE_STEPS.length. */
export function feeHeat(rate: number): number {
  let heat = 0;
  for (const step of FEE_STEPS) if (rate >= step) heat += 1;
  return heat;
}

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

/**
 * Divides a rectangle into boxes whose areas are as the weights, each as near to a square as the order allows
 * (Bruls, Huizing and van Wijk's squarified treemap). Weights must not be negative; largest first looks best.
 */
export function treemap(weights: readonly number[], width: number, height: number): Box[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (total <= 0 || width <= 0 || height <= 0) return weights.map(() => ({ x: 0, y: 0, width: 0, height: 0 }));
  const areas = weights.map((weight) => (weight / total) * width * height);
  const boxes: Box[] = [];
  const free = { x: 0, y: 0, width, height };
  let start = 0;
  while (start < areas.length) {
    const side = Math.min(free.width, free.height);
    let end = start;
    let sum = 0;
    let smallest = Infinity;
    let largest = 0;
    let worst = Infinity;
    // The row grows for as long as its least square box becomes no worse.
    while (end < areas.length) {
      const area = areas[end] ?? 0;
      const next = sum + area;
      const low = Math.min(smallest, area);
      const high = Math.max(largest, area);
      const ratio = low > 0 ? Math.max((side * side * high) / (next * next), (next * next) / (side * side * low)) : Infinity;
      if (end > start && ratio > worst) break;
      [sum, smallest, largest, worst] = [next, low, high, ratio];
      end += 1;
    }
    place(areas.slice(start, end), sum, free, boxes);
    start = end;
  }
  return boxes;
}

/** Lays a row along the shorter side of what is free, and takes it off. */
function place(row: readonly number[], sum: number, free: Box, boxes: Box[]): void {
  const wide = free.width >= free.height;
  const side = wide ? free.height : free.width;
  const depth = side > 0 ? sum / side : 0;
  let at = 0;
  for (const area of row) {
    const length = depth > 0 ? area / depth : 0;
    boxes.push(
      wide
        ? { x: free.x, y: free.y + at, width: depth, height: length }
        : { x: free.x + at, y: free.y, width: length, height: depth },
    );
    at += length;
  }
  if (wide) {
    free.x += depth;
    free.width = Math.max(0, free.width - depth);
  } else {
    free.y += depth;
    free.height = Math.max(0, free.height - depth);
  }
}

/** Round numbers from 0 to a little above the largest, about `count` of them. */
export function ticks(largest: number, count = 4): number[] {
  if (!(largest > 0)) return [0];
  const rough = largest / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10) * power;
  const out: number[] = [];
  for (let i = 0; i * step < largest + step; i += 1) out.push(i * step);
  return out;
}
