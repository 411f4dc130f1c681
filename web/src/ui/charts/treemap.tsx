/** Transactions as boxes: as large as their virtual size, as warm as their fee rate. */
import { useEffect, useState } from 'preact/hooks';
import { feeHeat, treemap } from './scale';

export interface Tile {
  id: string;
  /** What the box's area stands for. */
  weight: number;
  /** Satoshis per virtual byte; null for what pays none, such as a coinbase. */
  feerate: number | null;
  href: string;
  label: string;
}

/** The picture's own units; it is stretched to its frame. */
const WIDTH = 1000;
const GAP = 2;
/** On a phone the picture is taller than wide: boxes stay large enough for a finger. */
const NARROW = '(max-width: 40rem)';
const NARROW_HEIGHT = 900;

/**
 * Boxes that are links. Only the largest `reachable` can be reached by Tab: nobody presses it five hundred times, and
 * the table has them all.
 */
export function Treemap(props: { tiles: readonly Tile[]; label: string; height?: number; reachable?: number }) {
  const [narrow, setNarrow] = useState(() => matchMedia(NARROW).matches);
  useEffect(() => {
    const query = matchMedia(NARROW);
    const changed = (): void => setNarrow(query.matches);
    query.addEventListener('change', changed);
    return () => query.removeEventListener('change', changed);
  }, []);
  const height = narrow ? NARROW_HEIGHT : (props.height ?? 420);
  const tiles = [...props.tiles].sort((a, b) => b.weight - a.weight);
  const boxes = treemap(
    tiles.map((tile) => tile.weight),
    WIDTH,
    height,
  );
  const reachable = props.reachable ?? 12;
  return (
    <svg class="treemap" viewBox={`0 0 ${WIDTH} ${height}`} role="group" aria-label={props.label}>
      {tiles.map((tile, index) => {
        const box = boxes[index];
        if (!box) return null;
        // The gap takes at most half of a small box, so that none vanishes.
        const gap = Math.min(GAP, box.width / 2, box.height / 2);
        return (
          <a key={tile.id} href={tile.href} aria-label={tile.label} tabIndex={index < reachable ? 0 : -1}>
            <rect
              class={tile.feerate === null ? 'heat-none' : `heat-${feeHeat(tile.feerate)}`}
              x={box.x + gap / 2}
              y={box.y + gap / 2}
              width={Math.max(0, box.width - gap)}
              height={Math.max(0, box.height - gap)}
              rx={Math.min(4, box.width / 6, box.height / 6)}
            >
              <title>{tile.label}</title>
            </rect>
          </a>
        );
      })}
    </svg>
  );
}
