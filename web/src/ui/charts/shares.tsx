/** Shares of a whole: one bar divided among all, and a table whose rows have the colours. */
import type { ComponentChildren, JSX } from 'preact';
import { Swatch } from './figure';

export interface Share {
  key: string;
  name: ComponentChildren;
  /** 0 to 1. */
  part: number;
  /** What stands in the columns after the name. */
  shown: readonly string[];
}

/** Colours before they repeat; what comes after is too small to tell apart by colour anyway. */
const TONES = 6;

function tone(at: number): string {
  return at < TONES ? `tone-${at + 1}` : 'tone-rest';
}

export function Shares({ label, head, shares }: {
  label: string;
  head: readonly string[];
  shares: readonly Share[];
}): JSX.Element {
  let left = 0;
  return (
    <>
      <svg class="shares" viewBox="0 0 1000 40" preserveAspectRatio="none" aria-hidden="true">
        {shares.map((share, at) => {
          const x = left;
          left += share.part * 1000;
          return <rect key={share.key} class={tone(at)} x={x} width={Math.max(0.5, share.part * 1000 - 1.5)} height="40" />;
        })}
      </svg>
      <div class="table-scroll tall" role="region" aria-label={label} tabIndex={0}>
        <table>
          <thead>
            <tr>
              {head.map((name, at) => (
                <th key={name} scope="col" class={at > 0 ? 'right' : ''}>
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {shares.map((share, at) => (
              <tr key={share.key}>
                <th scope="row">
                  <span class="share-name">
                    <Swatch tone={tone(at)} />
                    {share.name}
                  </span>
                </th>
                {share.shown.map((shown, column) => (
                  <td key={column} class="right">
                    {shown}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}
