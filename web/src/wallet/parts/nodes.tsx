/** The other nodes that a wallet compares its own with: whether they can be asked, and what to do if not. */
import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { number, t } from '../../text';
import { Badge } from '../../ui';
import { progress, session, settingsOf } from '../session';

/** What keeps a page from asking a node. */
type Hindrance = 'policy' | 'mixed' | 'silent';

const here = (): string => globalThis.location.origin;

/** A node's name in a list of faults: 0 is this page's own. */
export function nodeName(at: number): string {
  const open = session.value;
  const other = open && at > 0 ? settingsOf(open.stored).nodes[at - 1] : undefined;
  return at === 0 ? t('wallet.nodes.own') : (other ?? t('wallet.faults.node', { node: number(at) }));
}

/** Whether a policy lets its pages ask an origin: what it says of connections, or else of everything. */
export function allows(policy: string, origin: string): boolean {
  const rules = policy.split(';').map((rule) => rule.trim().split(/\s+/));
  const rule = rules.find(([name]) => name === 'connect-src') ?? rules.find(([name]) => name === 'default-src');
  return rule === undefined || rule.includes(origin) || rule.includes('*');
}

/** Why a node does not answer this page, as far as that can be found out from within. */
async function hindrance(origin: string): Promise<Hindrance> {
  const { protocol, hostname } = new URL(origin);
  // A page that came over https asks nobody over http, but this machine.
  if (globalThis.location.protocol === 'https:' && protocol === 'http:' && !/^(localhost|127\.0\.0\.1)$/.test(hostname)) return 'mixed';
  try {
    const page = await fetch('/', { method: 'HEAD', cache: 'no-cache' });
    const policy = page.headers.get('content-security-policy');
    if (policy !== null && !allows(policy, origin)) return 'policy';
  } catch {
    // Without its own node, a page can tell no more than that there is no answer.
  }
  return 'silent';
}

function advice(why: Hindrance, node: string): { what: string; option?: string } {
  switch (why) {
    case 'policy':
      return { what: t('wallet.nodes.policy'), option: `-webconnect=${node}` };
    case 'mixed':
      return { what: t('wallet.nodes.mixed') };
    case 'silent':
      return { what: t('wallet.nodes.silent'), option: `-cors=${here()}` };
  }
}

function OtherNode({ node, at }: { node: string; at: number }): JSX.Element {
  const state = progress.value?.nodes[at];
  const refused = state !== undefined && !state.reachable;
  const [why, tell] = useState<Hindrance | null>(null);
  useEffect(() => {
    let left = false;
    if (refused) {
      void hindrance(node).then((found) => {
        if (!left) tell(found);
      });
    } else {
      tell(null);
    }
    return () => {
      left = true;
    };
  }, [node, refused]);
  const told = refused && why ? advice(why, node) : null;
  return (
    <li class="stack tight">
      <span class="row apart">
        <span class="mono wrap">{node}</span>
        {state === undefined ? (
          <Badge>{t('wallet.nodes.waiting')}</Badge>
        ) : state.lied ? (
          <Badge tone="bad">{t('wallet.nodes.lied')}</Badge>
        ) : refused ? (
          <Badge tone="warn">{t('wallet.nodes.refused')}</Badge>
        ) : (
          <Badge tone="good" icon="check">
            {t('wallet.nodes.answers', { height: number(state.height ?? 0) })}
          </Badge>
        )}
      </span>
      {told ? (
        <span class="small">
          {told.what} {told.option === undefined ? null : <code class="wrap">{told.option}</code>}
        </span>
      ) : null}
    </li>
  );
}

/** All of them, as they are now. */
export function OtherNodes({ nodes }: { nodes: readonly string[] }): JSX.Element | null {
  if (nodes.length === 0) return null;
  return (
    <div class="stack tight" role="status">
      <strong>{t('wallet.nodes')}</strong>
      <ul class="outputs">
        {nodes.map((node, at) => (
          <OtherNode key={node} node={node} at={at + 1} />
        ))}
      </ul>
    </div>
  );
}
