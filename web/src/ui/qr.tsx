/** QR codes: dark on white in every theme, with the quiet zone, since cameras need both. */
import type { JSX } from 'preact';
import { encodeQR } from 'qr';
import { t } from '../text';

const QUIET = 4;

/** The squares of a QR code as one SVG path, and its width in squares; null if the text is too long for one. */
export function squares(text: string): { path: string; width: number } | null {
  let rows: boolean[][];
  try {
    rows = encodeQR(text, 'raw', { ecc: text.length > 600 ? 'low' : 'medium', border: QUIET });
  } catch {
    return null;
  }
  const path: string[] = [];
  for (const [y, row] of rows.entries()) {
    let from = -1;
    for (let x = 0; x <= row.length; x += 1) {
      if (row[x] && from < 0) from = x;
      if (!row[x] && from >= 0) {
        path.push(`M${from} ${y}h${x - from}v1h${from - x}z`);
        from = -1;
      }
    }
  }
  return { path: path.join(''), width: rows.length };
}

/** A QR code of `text`; `what` says to a screen reader what it shows. */
export function Qr({ text, what }: { text: string; what: string }): JSX.Element {
  const code = squares(text);
  if (!code) return <p class="dim">{t('qr.toolong')}</p>;
  return (
    <svg class="qr" role="img" aria-label={t('qr.label', { what })} viewBox={`0 0 ${code.width} ${code.width}`} shape-rendering="crispEdges">
      <path d={code.path} />
    </svg>
  );
}
