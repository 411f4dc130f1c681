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

function property(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim() || 'gray';
}

function options(
  width: number,
  curves: readonly Curve[],
  xName: string,
  xFormat: (value: number) => string,
  logarithmic: boolean,
): uPlot.Options {
  const line = property('--line');
  const dim = property('--text-dim');
  const font = '12px system-ui, sans-serif';
  const first = curves[0];
  return {
    width,
    height: HEIGHT,
    legend: { live: true },
    cursor: { y: false, drag: { x: false, y: false } },
    scales: { x: { time: false }, y: logarithmic ? { distr: 3 } : { range: { min: { pad: 0, soft: 0, mode: 1 }, max: { pad: 0.1, soft: 0, mode: 2 } } } },
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
        size: 76,
        values: (_, marks) => marks.map((mark) => (mark === null || !first ? '' : first.format(mark))),
      },
    ],
    series: [
      { label: xName, value: (_, value) => (value === null ? '–' : xFormat(value)) },
      ...curves.map((curve): uPlot.Series => {
        const colour = property(curve.colour);
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

/** The curves over `x`. Redrawn when the frame's width or the theme changes. */
export function TimeSeries(props: {
  x: readonly number[];
  xName: string;
  xFormat: (value: number) => string;
  curves: readonly Curve[];
  logarithmic?: boolean;
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
      plot = new uPlot(options(width, props.curves, props.xName, props.xFormat, props.logarithmic ?? false), data, element);
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
  }, [props.x, props.curves, props.logarithmic, props.xName]);
  return <div class="time-series' ref={frame} aria-hidden='true" />;
}
