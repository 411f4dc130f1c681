/**
 * A curve over heights or times, drawn by uPlot on a canvas. The canvas says nothing to a screen reader: the figure
 * around it has a summary and a table.
 */
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';

export interface Curve {
  name: string;
  /** The name of the custom property that holds its colour. */
  colour: string;
  values: readonly (number | null)[];
  format: (value: number) => string;
  dashed?: boolean;
  /** Points alone, where a line between them would mean nothing. */
  points?: boolean;
}

const HEIGHT = 230;

/**
 * A colour as a canvas takes it: as the browser works it out for text in this place. For a text of its own, since a
 * colour that changes may do so by and by.
 */
function colourOf(place: HTMLElement, name: string): string {
  const text = document.createElement('span');
  text.style.color = `var(${name})`;
  place.append(text);
  const found = getComputedStyle(text).color;
  text.remove();
  return found;
}

function options(
  place: HTMLElement,
  width: number,
  curves: readonly Curve[],
  xName: string,
  xFormat: (value: number) => string,
  scale: (value: number) => string,
): uPlot.Options {
  const line = colourOf(place, '--line');
  const dim = colourOf(place, '--dim');
  const font = '12px system-ui, sans-serif';
  return {
    width,
    height: HEIGHT,
    legend: { live: true },
    hooks: {
      // While nobody points at anything, the newest values are told.
      setCursor: [(plot) => plot.cursor.idx == null && newest(plot)],
      ready: [newest],
    },
    cursor: { y: false, drag: { x: false, y: false } },
    scales: { x: { time: false }, y: { range: { min: { pad: 0, soft: 0, mode: 1 }, max: { pad: 0.1, soft: 0, mode: 2 } } } },
    axes: [
      {
        stroke: dim,
        font,
        grid: { stroke: line, width: 1 },
        ticks: { stroke: line },
        space: 80,
        values: (_, marks) => marks.map((mark) => xFormat(mark)),
      },
      {
        stroke: dim,
        font,
        grid: { stroke: line, width: 1 },
        ticks: { stroke: line },
        // As wide as the longest mark, at about seven pixels a character.
        size: (_, marks) => 20 + 7 * Math.max(3, ...(marks ?? []).map((mark) => mark.length)),
        values: (_, marks) => marks.map((mark) => (mark === null ? '' : scale(mark))),
      },
    ],
    series: [
      { label: xName, value: (_, value) => (value === null ? '–' : xFormat(value)) },
      ...curves.map((curve): uPlot.Series => {
        const colour = colourOf(place, curve.colour);
        return {
          label: curve.name,
          stroke: colour,
          width: 1.5,
          ...(curve.dashed ? { dash: [6, 4] } : {}),
          ...(curve.points ? { paths: () => null } : {}),
          points: { show: curve.points ?? false, size: 4, fill: colour, stroke: colour },
          value: (_, value) => (value === null || value === undefined ? '–' : curve.format(value)),
        };
      }),
    ],
  };
}

/** Has the legend tell the newest values. */
function newest(plot: uPlot): void {
  plot.setLegend({ idx: plot.data[0].length - 1 }, false);
}

/** The curves over `x`. Redrawn when the frame's width or the theme changes. */
export function TimeSeries(props: {
  x: readonly number[];
  xName: string;
  xFormat: (value: number) => string;
  curves: readonly Curve[];
  /** The marks of the scale. */
  scale: (value: number) => string;
}) {
  const frame = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = frame.current;
    if (!element) return;
    let plot: uPlot | undefined;
    const draw = () => {
      plot?.destroy();
      const data = [props.x, ...props.curves.map((curve) => curve.values)] as unknown as uPlot.AlignedData;
      const width = Math.max(240, element.clientWidth);
      plot = new uPlot(options(element, width, props.curves, props.xName, props.xFormat, props.scale), data, element);
    };
    draw();
    const resized = new ResizeObserver(() => {
      const width = Math.max(240, element.clientWidth);
      if (plot && width !== plot.width) plot.setSize({ width, height: HEIGHT });
    });
    resized.observe(element);
    const dark = matchMedia('(prefers-color-scheme: dark)');
    dark.addEventListener('change', draw);
    const themed = new MutationObserver(draw);
    themed.observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme', 'class'] });
    return () => {
      resized.disconnect();
      themed.disconnect();
      dark.removeEventListener('change', draw);
      plot?.destroy();
    };
  }, [props.x, props.curves, props.xName]);
  return <div class="time-series" ref={frame} aria-hidden="true" />;
}
