/** A PSBT as a QR code; as a sequence of them where one would be too fine for cameras. */
import type { JSX } from 'preact';
import { useEffect, useMemo, useState } from 'preact/hooks';
import { number, t } from '../../text';
import { Icon, Qr } from '../../ui';
import { fromBase64 } from '../parts/file';
import { PSBT, split } from './bbqr';

/** Up to so many characters, one code is better. */
const ONE = 600;
/** Nobody holds a camera for more. */
const MOST = 150;
/** How long each code is shown, in milliseconds. */
const SHOWN = 450;

const still = (): boolean => globalThis.matchMedia('(prefers-reduced-motion: reduce)').matches;

export function PsbtQr({ psbt }: { psbt: string }): JSX.Element {
  const codes = useMemo(() => (psbt.length <= ONE ? [psbt] : split(fromBase64(psbt), PSBT)), [psbt]);
  const [at, go] = useState(0);
  const [runs, run] = useState(() => !still());
  const of = codes?.length ?? 0;
  useEffect(() => {
    if (!runs || of < 2) return undefined;
    const timer = setInterval(() => go((before) => (before + 1) % of), SHOWN);
    return () => clearInterval(timer);
  }, [runs, of]);
  useEffect(() => go(0), [psbt]);
  if (!codes || of > MOST) return <p class="dim">{t('qr.toolong')}</p>;
  if (of === 1) return <Qr text={codes[0] ?? ''} what={t('wallet.psbt.text')} />;
  const shown = Math.min(at, of - 1);
  return (
    <div class="stack tight frames">
      <Qr text={codes[shown] ?? ''} what={t('wallet.psbt.frame', { n: number(shown + 1), of: number(of) })} />
      <div class="row">
        <button type="button" class="button icon small" aria-label={t('wallet.psbt.frame.before')} onClick={() => go((shown + of - 1) % of)}>
          <Icon name="left" />
        </button>
        <span class="small" {...(runs ? {} : { role: 'status' })}>
          {t('wallet.psbt.frame.at', { n: number(shown + 1), of: number(of) })}
        </span>
        <button type="button" class="button icon small" aria-label={t('wallet.psbt.frame.next')} onClick={() => go((shown + 1) % of)}>
          <Icon name="right" />
        </button>
        <button type="button" class="button small" onClick={() => run(!runs)}>
          {runs ? t('wallet.psbt.frame.stop') : t('wallet.psbt.frame.run')}
        </button>
      </div>
      <p class="dim small">{t('wallet.psbt.frame.what')}</p>
    </div>
  );
}
