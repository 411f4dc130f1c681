/** A PSBT on its way out: as a file, as text, as a QR code. */
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { t } from '../../text';
import { Copy, Icon } from '../../ui';
import { PsbtQr } from '../scan/frames';
import { session } from '../session';
import { fileName, fromBase64, giveFile } from './file';

export function PsbtOut({ psbt }: { psbt: string }): JSX.Element {
  const [qr, showQr] = useState(false);
  const name = fileName(session.value?.stored.name ?? '', '.psbt');
  return (
    <div class="stack">
      <div class="row">
        <button type="button" class="button" onClick={() => giveFile(name, fromBase64(psbt), 'application/octet-stream')}>
          <Icon name="file" />
          {t('wallet.psbt.save')}
        </button>
        <Copy text={psbt} label={t('wallet.psbt.text')} words />
        <button type="button" class="button" aria-expanded={qr} onClick={() => showQr(!qr)}>
          <Icon name="qr" />
          {t('wallet.psbt.qr')}
        </button>
      </div>
      {qr ? <PsbtQr psbt={psbt} /> : null}
      <label class="field">
        <span class="label">{t('wallet.psbt.text')}</span>
        <textarea class="mono small" rows={4} readOnly value={psbt} spellcheck={false} />
      </label>
    </div>
  );
}
