/** Bars: upright for how much of something there is at each step, lying for shares of a whole. */
import { ticks } from './scale';

export interface Bar {
  name: string;
  value: number;
  /** The class of its colour. */
  tone: string;
  /** What is said of it in words. */
  label: string;
}

const WIDTH = 640;
const HEIGHT = 220;
const LEFT = 100;
const BOTTOM = 34;
const TOP = 18;

/** Upright bars with a scale. */
export function Columns(props: { bars: readonly Bar[]; label: string; format: (value: number) => string }) {
  const largest = Math.max(0, ...props.bars.map((bar) => bar.value));
  const marks = ticks(largest);
  const top = marks[marks.length - 1] || 1;
  const plot = HEIGHT - BOTTOM - TOP;
  const y = (value: number) => TOP + plot * (1 - value / top);
  const step = (WIDTH - LEFT) / Math.max(1, props.bars.length);
  return (
    <svg class="columns" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={props.label}>
      {marks.map((mark) => (
        <g key={mark}>
          <line class="grid-line" x1={LEFT} x2={WIDTH} y1={y(mark)} y2={y(mark)} />
          <text class="axis-text" x={LEFT - 8} y={y(mark) + 4} text-anchor="end">
            {props.format(mark)}
          </text>
        </g>
      ))}
      {props.bars.map((bar, index) => (
        <g key={bar.name}>
          <rect
            class={bar.tone}
            x={LEFT + index * step + step * 0.12}
            width={step * 0.76}
            y={y(bar.value)}
            height={Math.max(bar.value > 0 ? 1 : 0, HEIGHT - BOTTOM - y(bar.value))}
            rx="3"
          >
            <title>{bar.label}</title>
          </rect>
          <text class="axis-text" x={LEFT + (index + 0.5) * step} y={HEIGHT - 10} text-anchor="middle">
            {bar.name}
          </text>
        </g>
      ))}
    </svg>
  );
}

/** How full something is, 0 to 1. The number is said beside it, so that the bar itself is decoration. */
export function Gauge(props: { part: number; tone: string }) {
  const part = Math.min(1, Math.max(0, props.part));
  return (
    <svg class="gauge" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
      <rect class="gauge-back" width="100" height="6" />
      <rect class={props.tone} width={part > 0 ? Math.max(1, part * 100) : 0} height="6" />
    </svg>
  );
}
