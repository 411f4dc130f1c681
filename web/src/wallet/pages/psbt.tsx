/** Transactions that are signed by several, or elsewhere: in, looked at, signed, combined, finished, out. */
import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { navigate } from '../../router';
import { t } from '../../text';
import { Badge, Card, Field, Icon, Loading, Note } from '../../ui';
import { send } from '../parts/approve';
import { readBytes, toBase64 } from '../parts/file';
import { Frame } from '../parts/frame';
import { PsbtOut } from '../parts/psbt-out';
import { ReviewView } from '../parts/review';
import { asError, useDoing } from '../parts/use';
import { Wrong } from '../parts/wrong';
import { PSBT } from '../scan/bbqr';
import { type Read, ScanButton } from '../scan/scan';
import { current, session, summary, writes } from '../session';
import type { Review } from '../worker/protocol';

const LONGEST = 8 * 1024 * 1024;
/** `psbt\xff`, as the first bytes of a file. */
const MAGIC = [0x70, 0x73, 0x62, 0x74, 0xff];

/** A PSBT out of a file, whether it is bytes or text. */
async function psbtOf(file: File | undefined): Promise<string> {
  const bytes = await readBytes(file, LONGEST);
  if (MAGIC.every((byte, at) => bytes[at] === byte)) return toBase64(bytes);
  return new TextDecoder().decode(bytes).replaceAll(/\s+/g, '');
}

/** A PSBT that was scanned. */
function psbtRead(read: Read): string {
  if ('text' in read) return read.text.replaceAll(/\s+/g, '');
  if (read.joined.kind !== PSBT) throw new Error(t('wallet.psbt.kind'));
  return toBase64(read.joined.bytes);
}

/** A way in: a file, text, or QR codes. */
function Input({ title, act, onPsbt }: {
  title: string;
  act: string;
  onPsbt: (psbt: string) => Promise<void>;
}): JSX.Element {
  const file = useRef<HTMLInputElement>(null);
  const [text, setText] = useState('');
  const doing = useDoing();
  return (
    <Card title={title}>
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          doing.run(async () => {
            const chosen = file.current?.files?.[0];
            const plain = text.replaceAll(/\s+/g, '');
            if (!chosen && plain === '') throw new Error(t('wallet.psbt.nothing'));
            await onPsbt(plain === '' ? await psbtOf(chosen) : plain);
            setText('');
            if (file.current) file.current.value = '';
          });
        }}
      >
        <Field label={t('wallet.psbt.file')}>
          <input ref={file} type="file" accept=".psbt,.txt" />
        </Field>
        <Field label={t('wallet.psbt.paste')} hint={t('wallet.psbt.paste.hint')}>
          <textarea class="mono" rows={4} value={text} spellcheck={false} autocomplete="off" onInput={(event) => setText(event.currentTarget.value)} />
        </Field>
        <Wrong error={doing.error} />
        <div>
          <button class="button" disabled={doing.busy}>
            {act}
          </button>
        </div>
      </form>
      <hr />
      <div class="stack tight">
        <p>{t('wallet.psbt.scan.what')}</p>
        <div>
          <ScanButton title={t('wallet.psbt.scan')} onRead={(read) => onPsbt(psbtRead(read))} />
        </div>
      </div>
    </Card>
  );
}

/** What can be done with a PSBT that is here. */
function Work({ psbt, onChange, onDrop }: {
  psbt: string;
  onChange: (psbt: string) => void;
  onDrop: () => void;
}): JSX.Element {
  const keys = session.value?.signer;
  const [review, show] = useState<Review | null>(null);
  const [error, fail] = useState<Error | null>(null);
  const [tx, setTx] = useState<string | null>(null);
  const [told, tell] = useState<string | null>(null);
  const doing = useDoing();
  useEffect(() => {
    show(null);
    fail(null);
    setTx(null);
    const open = session.peek();
    if (!open) return;
    if (keys) keys.call('review', { psbt }).then(show, (reason: unknown) => fail(asError(reason)));
    else open.light.call('review', { psbt }).then(show, (reason: unknown) => fail(asError(reason)));
    open.light.call('finalise', { psbt }).then(
      (done) => setTx(done.complete && done.tx ? done.tx : null),
      // It is not ready yet; the review says what is wrong with one that cannot be read.
      () => undefined,
    );
  }, [psbt, keys]);
  const sign = (): void => {
    doing.run(async () => {
      if (!keys) return;
      const signed = await keys.call('sign', { psbt });
      tell(signed.tx === undefined ? t('wallet.psbt.signed.partly') : t('wallet.psbt.signed'));
      onChange(signed.psbt);
    });
  };
  const broadcast = (): void => {
    doing.run(async () => {
      if (tx === null) return;
      const txid = await send(tx);
      navigate(`/wallet/tx/${txid}`);
    });
  };
  return (
    <div class="stack wide">
      <Card
        title={t('wallet.psbt.here')}
        aside={
          tx === null ? (
            <Badge tone="warn">{t('wallet.psbt.open')}</Badge>
          ) : (
            <Badge tone="good" icon="check">
              {t('wallet.psbt.complete')}
            </Badge>
          )
        }
      >
        {review ? <ReviewView review={review} /> : error ? <Wrong error={error} /> : <Loading />}
        {told === null ? null : (
          <Note tone="good">
            <p role="status">{told}</p>
          </Note>
        )}
        <Wrong error={doing.error} />
        <div class="row">
          {tx === null && keys ? (
            <button type="button" class="button primary" disabled={doing.busy || !review} onClick={sign}>
              <Icon name="key" />
              {t('wallet.psbt.sign')}
            </button>
          ) : null}
          {tx !== null ? (
            <button type="button" class="button primary" disabled={doing.busy || !writes.value} onClick={broadcast}>
              <Icon name="send" />
              {t('wallet.psbt.broadcast')}
            </button>
          ) : null}
          <button type="button" class="button" onClick={onDrop}>
            {t('wallet.psbt.drop')}
          </button>
        </div>
      </Card>
      <Card title={t('wallet.psbt.out')}>
        <PsbtOut psbt={psbt} />
      </Card>
      <Input
        title={t('wallet.psbt.combine')}
        act={t('wallet.psbt.combine.do')}
        onPsbt={async (other) => {
          const combined = await current().light.call('combine', { psbts: [psbt, other] });
          tell(t('wallet.psbt.combined'));
          onChange(combined.psbt);
        }}
      />
    </div>
  );
}

function PsbtBody(): JSX.Element {
  const [psbt, set] = useState<string | null>(null);
  if (psbt !== null) return <Work psbt={psbt} onChange={set} onDrop={() => set(null)} />;
  return (
    <div class="stack wide">
      <p>{t('wallet.psbt.what')}</p>
      <Input
        title={t('wallet.psbt.in')}
        act={t('wallet.psbt.look')}
        onPsbt={async (text) => {
          // Whatever cannot be read is refused here, and what can be is written the usual way.
          set((await current().light.call('combine', { psbts: [text] })).psbt);
        }}
      />
    </div>
  );
}

export function Psbt(): JSX.Element {
  return <Frame title={t('wallet.psbt.title')}>{summary.value ? <PsbtBody /> : <Loading what={t('wallet.opening')} />}</Frame>;
}
