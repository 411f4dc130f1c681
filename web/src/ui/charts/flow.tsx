/** Bands from a transaction's inputs to its outputs, each as wide as its value. */
/** The band of one row. */
export interface Stream {
  value: number;
  /** The class of its colour. */
  tone: string;
}

const WIDTH = 200;
const TRUNK = 40;

/**
 * The picture between two lists whose rows all have the height `row`: bands leave the middle of each row on the left,
 * run together in the trunk and part again to the rows on the right. It is decoration of the lists, which say it all.
 */
export function Flow(props: { left: readonly Stream[]; right: readonly Stream[]; row: number }) {
  const { left, right, row } = props;
  const rows = Math.max(left.length, right.length, 1);
  const height = rows * row;
  const total = Math.max(sum(left), sum(right), 1);
  // The trunk leaves air above and below; no band is thinner than can be seen.
  const trunk = Math.min(height * 0.6, 160);
  const scale = trunk / total;
  return (
    <svg
      class="flow"
      viewBox={`0 0 ${WIDTH} ${height}`}
      preserveAspectRatio="none"
      height={height}
      aria-hidden="true"
      focusable="false"
    >
      {bands(left, (height - sum(left) * scale) / 2, scale, row, (height - left.length * row) / 2).map((band, index) => (
        <path key={`l${index}`} class={left[index]?.tone} d={ribbon(0, band.outer, band.thin, (WIDTH - TRUNK) / 2, band.inner, band.thick)} />
      ))}
      {bands(right, (height - sum(right) * scale) / 2, scale, row, (height - right.length * row) / 2).map((band, index) => (
        <path key={`r${index}`} class={right[index]?.tone} d={ribbon(WIDTH, band.outer, band.thin, (WIDTH + TRUNK) / 2, band.inner, band.thick)} />
      ))}
      <rect class="flow-trunk" x={(WIDTH - TRUNK) / 2} width={TRUNK} y={(height - trunk) / 2} height={trunk} />
    </svg>
  );
}

function sum(streams: readonly Stream[]): number {
  return streams.reduce((total, stream) => total + stream.value, 0);
}

interface Band {
  /** The middle of the band at the list, and its width there. */
  outer: number;
  thin: number;
  /** The middle at the trunk, and the width there. */
  inner: number;
  thick: number;
}

function bands(streams: readonly Stream[], top: number, scale: number, row: number, first: number): Band[] {
  let at = top;
  return streams.map((stream, index) => {
    const thick = stream.value * scale;
    const band = {
      outer: first + (index + 0.5) * row,
      thin: Math.min(row * 0.5, Math.max(2, thick)),
      inner: at + thick / 2,
      thick: Math.max(0.5, thick),
    };
    at += thick;
    return band;
  });
}

function ribbon(x0: number, y0: number, w0: number, x1: number, y1: number, w1: number): string {
  const middle = (x0 + x1) / 2;
  const at = (value: number) => value.toFixed(2);
  return (
    `M${at(x0)} ${at(y0 - w0 / 2)}C${at(middle)} ${at(y0 - w0 / 2)} ${at(middle)} ${at(y1 - w1 / 2)} ${at(x1)} ${at(y1 - w1 / 2)}` +
    `L${at(x1)} ${at(y1 + w1 / 2)}C${at(middle)} ${at(y1 + w1 / 2)} ${at(middle)} ${at(y0 + w0 / 2)} ${at(x0)} ${at(y0 + w0 / 2)}Z`
  );
}
