/** How far the light client is, and what of it is proven. */
import type { JSX } from 'preact';
import { tip as nodeTip } from '../../node/tip';
import { number, t } from '../../text';
import { Badge, Progress as Bar, Time } from '../../ui';
import { faults, pause, paused, progress, summary } from '../session';
import type { Progress } from '../worker/protocol';

/** What is being done, and how much of it is. */
function stepOf(now: Progress): { what: string; part?: number } {
  const { headers, filters, scripts } = now;
  if (headers.at < headers.of) return { what: t('wallet.sync.headers'), part: headers.at / headers.of };
  if (summary.value?.mode === 'filters') {
    return { what: t('wallet.sync.filters'), ...(filters.of > 0 ? { part: filters.at / filters.of } : {}) };
  }
  return { what: t('wallet.sync.wallet'), ...(scripts.of > 0 ? { part: scripts.at / scripts.of } : {}) };
}

export function Sync(): JSX.Element {
  const now = progress.value;
  const tip = summary.value?.tip ?? null;
  const stopped = paused.value;
  const busy = now === null || !now.synced;
  const offline = faults.value.some(({ kind, node }) => kind === 'unreachable' && node === 0);
  const step = now ? stepOf(now) : null;
  return (
    <div class="stack tight sync" role="status">
      <span class="row apart">
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
          {tip && now ? (
            <>
              {' · '}
              <Time at={now.tip_time} />
            </>
          ) : null}
        </span>
      </span>
      {busy && !stopped ? (
        <>
          <Bar {...(step?.part === undefined ? {} : { part: step.part })} label={t('wallet.sync.busy')} />
          <span class="dim small">
            {step?.what ?? ''}
            {tip && nodeTip.value && nodeTip.value.height > tip.height
              ? ` ${t('wallet.sync.behind', { n: nodeTip.value.height - tip.height })}`
              : ''}
          </span>
        </>
      ) : null}
      {now && now.unproven > 0 ? <span class="small">{t('wallet.sync.unproven', { n: now.unproven })}</span> : null}
      {busy || stopped ? (
        <span>
          <button type="button" class="button small" onClick={() => pause(!stopped)}>
            {stopped ? t('wallet.sync.go') : t('wallet.sync.stop')}
          </button>
        </span>
      ) : null}
    </div>
  );
}
