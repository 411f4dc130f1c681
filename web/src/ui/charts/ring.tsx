/** Things around a centre: as far out as they are slow, to one side or the other by kind. */
import type { JSX } from 'preact';

export interface Spot {
  key: string;
  /** What stands in the spot; its row in the table has the same. */
  mark: string;
  /** Milliseconds; null if not known. */
  delay: number | null;
  tone: string;
  /** Whether the line's arrow points to the centre. */
  inward: boolean;
  label: string;
}

const SIZE = 480;
const CENTRE = SIZE / 2;
const NEAREST = 62;
const FARTHEST = 208;
/** The rings, in milliseconds. */
const RINGS = [1, 10, 100, 1000] as const;
/** Where on its ring a name stands: where few spots come to lie. */
const NAME = [Math.cos(-1.87), Math.sin(-1.87)] as const;

/** How far out a delay is: each factor of ten is one step. */
function distance(ms: number): number {
  const steps = Math.log10(Math.min(1000, Math.max(0.3, ms)) / 0.3) / Math.log10(1000 / 0.3);
  return NEAREST + steps * (FARTHEST - NEAREST);
}

export function Ring({ spots, label, centre, unit }: {
  spots: readonly Spot[];
  label: string;
  centre: string;
  unit: (ms: number) => string;
}): JSX.Element {
  return (
    <svg class="ring" viewBox={`0 0 ${SIZE} ${SIZE}`} role="img" aria-label={label}>
      <defs>
        <marker id="ring-arrow" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse">
          <path class="ring-arrow" d="M0 0 8 4 0 8z" />
        </marker>
      </defs>
      {RINGS.map((ms) => (
        <g key={ms}>
          <circle class="ring-line" cx={CENTRE} cy={CENTRE} r={distance(ms)} />
          <text class="axis-text ring-name" x={CENTRE + NAME[0] * distance(ms)} y={CENTRE + NAME[1] * distance(ms) + 4} text-anchor="middle">
            {unit(ms)}
          </text>
        </g>
      ))}
      {spots.map((spot, at) => {
        const angle = (at / spots.length) * 2 * Math.PI;
        const out = distance(spot.delay ?? 1000);
        const at2 = (radius: number) => [CENTRE + Math.cos(angle) * radius, CENTRE + Math.sin(angle) * radius] as const;
        const [x, y] = at2(out);
        const [x1, y1] = at2(44);
        const [x2, y2] = at2(Math.max(48, out - 20));
        const ends = spot.inward ? { 'marker-start': 'url(#ring-arrow)' } : { 'marker-end': 'url(#ring-arrow)' };
        return (
          <g key={spot.key}>
            <line class={`ring-link ${spot.delay === null ? 'unknown' : ''}`} x1={x1} y1={y1} x2={x2} y2={y2} {...ends} />
            <circle class={`ring-spot ${spot.tone}`} cx={x} cy={y} r="17">
              <title>{spot.label}</title>
            </circle>
            <text class="ring-mark" x={x} y={y + 5} text-anchor="middle">
              {spot.mark}
            </text>
          </g>
        );
      })}
      <circle class="ring-centre" cx={CENTRE} cy={CENTRE} r="36" />
      <text class="ring-mark in-centre" x={CENTRE} y={CENTRE + 5} text-anchor="middle">
        {centre}
      </text>
    </svg>
  );
}
