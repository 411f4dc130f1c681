/** Labels out and in, as other wallets write them (BIP329). */
import type { JSX } from 'preact';
import { useRef, useState } from 'preact/hooks';
import { t } from '../../text';
import { Card, Field, Icon, Loading, Note } from '../../ui';
import { fileName, giveFile, readText } from '../parts/file';
import { Frame } from '../parts/frame';
import { useDoing, useLight } from '../parts/use';
import { Wrong } from '../parts/wrong';
import { changed, current, persist, session, summary, writes } from '../session';

const LONGEST = 32 * 1024 * 1024;

interface Line {
  type: string;
  ref: string;
  label?: string;
}

function lines(jsonl: string): Line[] {
  return jsonl
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line)
    .filter(({ label }) => label !== undefined && label !== '');
}

function LabelsBody(): JSX.Element {
  const exported = useLight('labels_export', {});
  const file = useRef<HTMLInputElement>(null);
  const [count, setCount] = useState<number | null>(null);
  const doing = useDoing();
  const all = exported.value ? lines(exported.value.jsonl) : [];
  return (
    <div class="stack wide">
      <p>{t('wallet.labels.what')}</p>
      <Card
        title={t('wallet.labels.all', { n: all.length })}
        aside={
          <button
            type="button"
            class="button small"
            disabled={!exported.value}
            onClick={() =>
              giveFile(fileName(session.peek()?.stored.name ?? '', '-labels.jsonl'), exported.value?.jsonl ?? '', 'application/jsonl')
            }
          >
            <Icon name="file" size={16} />
            {t('wallet.labels.export')}
          </button>
        }
      >
        <Wrong error={exported.error} />
        {all.length === 0 ? (
          <p class="dim">{t('wallet.labels.none')}</p>
        ) : (
          <ul class="outputs small">
            {all.slice(0, 500).map((line) => (
              <li key={`${line.type}/${line.ref}`}>
                <strong class="wrap">{line.label}</strong>
                <span class="dim wrap">
                  {line.type} <span class="hash">{line.ref}</span>
                </span>
              </li>
            ))}
          </ul>
        )}
      </Card>
      <Card title={t('wallet.labels.import')}>
        <form
          class="stack"
          onSubmit={(event) => {
            event.preventDefault();
            setCount(null);
            doing.run(async () => {
              const jsonl = await readText(file.current?.files?.[0], LONGEST);
              const done = await current().light.call('labels_import', { jsonl });
              await persist();
              changed();
              setCount(done.count);
            });
          }}
        >
          <Field label={t('wallet.labels.file')}>
            <input ref={file} type="file" accept=".jsonl,.json,.txt" required />
          </Field>
          <Wrong error={doing.error} />
          {count === null ? null : (
            <Note tone="good">
              <p role="status">{t('wallet.labels.done', { n: count })}</p>
            </Note>
          )}
          <div>
            <button class="button" disabled={!writes.value || doing.busy}>
              {t('wallet.labels.import')}
            </button>
          </div>
        </form>
      </Card>
    </div>
  );
}

export function Labels(): JSX.Element {
  return <Frame title={t('wallet.nav.labels')}>{summary.value ? <LabelsBody /> : <Loading what={t('wallet.opening')} />}</Frame>;
}
