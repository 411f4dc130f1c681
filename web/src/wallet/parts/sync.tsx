/** How far the light client is, and what of it is proven. */
import type { JSX } from 'preact';
import { tip as nodeTip } from '../../node/tip';
import { number, t } from '../../text';
import { Badge, Progress, Time } from '../../ui';
import { faults, pause, paused, progress, summary } from '../session';

export function Sync(): JSX.Element {
  const now = progress.value;
  const tip = summary.value?.tip ?? null;
  const stopped = paused.value;
  const busy = now === null || !now.done;
  const offline = faults.value.some(({ kind }) => kind === 'unreachable');
  const part = now?.part;
  return (
    <div class="stack tight sync" role="status">
      <span class="row apart">
        <span class="row">
          {stopped ? (
            <Badge tone="warn">{t('wallet.sync.stopped')}</Badge>
          ) : offline ? (
            <Badge tone="bad">{t('wallet.sync.offline')}</Badge>
          ) : busy ? (
            <Badge tone="info" icon="refresh">
              {t('wallet.sync.busy')}
            </Badge>
          ) : (
            <Badge tone="good" icon="shield">
              {t('wallet.sync.done')}
            </Badge>
          )}
          <span class="dim small">
            {tip ? t('wallet.sync.tip', { height: number(tip.height) }) : t('wallet.sync.notip')}
            {tip?.time ? (
              <>
                {' · '}
                <Time at={tip.time} />
              </>
            ) : null}
          </span>
        </span>
        {busy || stopped ? (
          <button type="button" class="button quiet small" onClick={() => pause(!stopped)}>
            {stopped ? t('wallet.sync.go') : t('wallet.sync.stop')}
          </button>
        ) : null}
      </span>
      {busy && !stopped ? (
        <>
          {part === undefined ? <Progress label={t('wallet.sync.busy')} /> : <Progress part={part} label={t('wallet.sync.busy')} />}
          <span class="dim small">
            {now?.what ?? ''}
            {tip && nodeTip.value && nodeTip.value.height > tip.height
              ? ` ${t('wallet.sync.behind', { n: nodeTip.value.height - tip.height })}`
              : ''}
          </span>
        </>
      ) : null}
    </div>
  );
}
