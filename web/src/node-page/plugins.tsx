/** The plugins: what each is, how it fares, and how far behind the chain it is. */
import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { type Plugin, plugins as askPlugins } from '../explorer/api';
import { NONE } from '../explorer/format';
import { NodeFrame } from '../explorer/frame';
import { chainKey } from '../explorer/live';
import { Height, Show } from '../explorer/parts';
import { useLoad } from '../node/load';
import { tip } from '../node/tip';
import { number, t } from '../text';
import { Badge, Card, Empty, Facts, Note, PageHead, Progress } from '../ui';

/** A plugin that catches up moves without a new block. */
const ASK_EVERY_MS = 3000;

const STATES = {
  starting: { tone: 'info', text: 'plugins.starting' },
  catchingup: { tone: 'info', text: 'plugins.catchingup' },
  live: { tone: 'good', text: 'plugins.live' },
  backoff: { tone: 'warn', text: 'plugins.backoff' },
  failed: { tone: 'bad', text: 'plugins.failed' },
  stopped: { tone: 'plain', text: 'plugins.stopped' },
} as const;

function State({ state }: { state: string }): JSX.Element {
  const name = state.toLowerCase().replace(/[^a-z]/g, '');
  if (!(name in STATES)) return <Badge>{state}</Badge>;
  const { tone, text } = STATES[name as keyof typeof STATES];
  return <Badge tone={tone}>{t(text)}</Badge>;
}

/** What the plugins of the node itself do; others say it themselves. */
const ABOUT = {
  addressindex: 'plugins.about.addressindex',
  txindex: 'plugins.about.txindex',
  blockfilterindex: 'plugins.about.blockfilterindex',
  metrics: 'plugins.about.metrics',
  mirror: 'plugins.about.mirror',
} as const;

function about(plugin: Plugin): string {
  if (plugin.description !== '') return plugin.description;
  return plugin.id in ABOUT ? t(ABOUT[plugin.id as keyof typeof ABOUT]) : '';
}

function PluginCard({ plugin }: { plugin: Plugin }): JSX.Element {
  const height = tip.value?.height ?? 0;
  const { cursor, lag } = plugin;
  const facts: [string, JSX.Element | string][] = [
    [t('plugins.cursor'), cursor ? <Height height={cursor.height} hash={cursor.hash} /> : NONE],
    [t('plugins.lag'), lag === null ? NONE : lag === 0 ? t('plugins.lag.none') : t('plugins.lag.blocks', { n: lag })],
    [t('plugins.blocks'), number(plugin.blocks)],
    [t('plugins.retries'), number(plugin.retries)],
    [t('plugins.kind'), plugin.kind],
    ...Object.entries(plugin.figures).map(([name, value]): [string, string] => [name.replaceAll('_', ' '), number(value, 2)]),
  ];
  return (
    <Card
      title={
        <span class="row">
          {plugin.id} <span class="dim small">{plugin.version}</span>
        </span>
      }
      aside={
        <span class="row">
          {plugin.important ? <Badge>{t('plugins.important')}</Badge> : null}
          <State state={plugin.state} />
        </span>
      }
    >
      {about(plugin) === '' ? null : <p class="dim">{about(plugin)}</p>}
      {cursor && lag !== null && lag > 0 && height > 0 ? (
        <Progress part={cursor.height / Math.max(1, cursor.height + lag)} label={t('plugins.progress', { plugin: plugin.id })} />
      ) : null}
      {plugin.failing ? (
        <Note tone={plugin.state.toLowerCase() === 'failed' ? 'bad' : 'warn'}>
          <p>{t('plugins.failing')}</p>
        </Note>
      ) : null}
      <Facts facts={facts} />
    </Card>
  );
}

export function PluginsPage(): JSX.Element {
  const [round, setRound] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => setRound((n) => n + 1), ASK_EVERY_MS);
    return () => clearInterval(timer);
  }, []);
  const loaded = useLoad((signal) => askPlugins({ signal }), [round, chainKey()]);
  return (
    <NodeFrame at="/plugins">
      <PageHead title={t('plugins.title')} />
      <p class="dim">{t('plugins.about')}</p>
      <Show of={loaded}>
        {({ plugins }) =>
          plugins.length === 0 ? (
            <Card>
              <Empty icon="plugin">{t('plugins.none')}</Empty>
            </Card>
          ) : (
            <div class="grid">
              {plugins.map((plugin) => (
                <PluginCard key={plugin.id} plugin={plugin} />
              ))}
            </div>
          )
        }
      </Show>
    </NodeFrame>
  );
}
