/**
 * The frame of every picture: a heading, one sentence on what it shows, the picture, its legend, and the same as a table
 * for who cannot or would rather not look.
 */
import type { ComponentChildren, JSX } from 'preact';
import { useRef, useState } from 'preact/hooks';
import { number, t } from '../../text';
import { FEE_STEPS } from './scale';

export interface TableData {
  /** What each column is. The first names the row. */
  head: readonly string[];
  rows: readonly (readonly ComponentChildren[])[];
}

let pictures = 0;

/** A picture with all that belongs to it. The table is made when it is asked for. */
export function Picture({ title, summary, legend, table, children }: {
  title: string;
  summary: ComponentChildren;
  legend?: ComponentChildren;
  table?: () => TableData;
  children: ComponentChildren;
}): JSX.Element {
  // Numbered by the page: the ids of the framework are not unique across parts that come and go.
  const id = useRef('');
  if (id.current === '') id.current = `picture-${(pictures += 1)}`;
  const [open, setOpen] = useState(false);
  return (
    <section class="card picture" aria-labelledby={id.current}>
      <header>
        <h2 id={id.current}>{title}</h2>
      </header>
      <p class="dim small">{summary}</p>
      {children}
      {legend}
      {table ? (
        <details onToggle={(event) => setOpen(event.currentTarget.open)}>
          <summary>{t('chart.table')}</summary>
          {open ? <TableOf title={title} data={table()} /> : null}
        </details>
      ) : null}
    </section>
  );
}

function TableOf({ title, data }: { title: string; data: TableData }): JSX.Element {
  return (
    <div class="table-scroll tall" role="region" aria-label={t('chart.tableof', { title })} tabIndex={0}>
      <table>
        <thead>
          <tr>
            {data.head.map((name, at) => (
              <th key={name} scope="col" class={at > 0 ? 'right' : ''}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {data.rows.map((row, index) => (
            <tr key={index}>
              {row.map((cell, at) =>
                at === 0 ? (
                  <th key={at} scope="row">
                    {cell}
                  </th>
                ) : (
                  <td key={at} class="right">
                    {cell}
                  </td>
                ),
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** A square of a colour, for legends. */
export function Swatch({ tone }: { tone: string }): JSX.Element {
  return (
    <svg class="swatch" viewBox="0 0 10 10" aria-hidden="true">
      <rect class={tone} width="10" height="10" rx="2" />
    </svg>
  );
}

/** The name of a colour of fee rates: the rates that have it. */
export function feeStep(heat: number): string {
  const from = FEE_STEPS[heat - 1];
  const to = FEE_STEPS[heat];
  if (from === undefined) return t('fee.below', { to: number(to ?? 0) });
  return to === undefined ? t('fee.from', { from: number(from) }) : t('fee.range', { from: number(from), to: number(to) });
}

/** The same in as few letters as can be, for scales. */
export function feeStepShort(heat: number): string {
  const from = FEE_STEPS[heat - 1];
  const to = FEE_STEPS[heat];
  if (from === undefined) return t('fee.below.short', { to: number(to ?? 0) });
  return to === undefined ? t('fee.from.short', { from: number(from) }) : feeStep(heat);
}

/** What the colours of fee rates mean. */
export function FeeLegend(): JSX.Element {
  return (
    <p class="legend">
      <span>{t('fee.legend')}</span>
      {[...FEE_STEPS, 0].map((_, heat) => (
        <span key={heat} class="legend-item">
          <Swatch tone={`heat-${heat}`} />
          {feeStep(heat)}
        </span>
      ))}
    </p>
  );
}
