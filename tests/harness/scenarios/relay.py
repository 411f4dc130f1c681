"""Transactions and compact blocks between a node and its peers."""

import messages as m
from chain import block_of, next_block
from peer import Peer
from scenario import equal, scenario, wait_until
from scenarios.reorgs import SINK_ADDRESS

QUIET = ["-whitelist=noban@127.0.0.1"]


@scenario(p2p=True, args=QUIET)
def payments_are_announced(stage):
    """A payment is announced by its wtxid to who speaks so, by its txid to others, and given on request."""
    node = stage.node
    modern, old = node.peer(), node.peer(peer=Peer(protocol=70_015))
    payment = stage.wallet().send()
    for peer, kind, name in ((modern, m.MSG_WTX, payment.tx.wtxid), (old, m.MSG_TX, payment.txid)):
        peer.wait_for("inv", lambda got: (kind, name) in [(item.kind, item.hash) for item in got.items])
        got = peer.ask(m.GetData(items=[m.Inventory(kind, name)]), "tx")
        equal(got.tx.txid, payment.txid)
    missing = m.Inventory(m.MSG_WTX, "ab" * 32)
    got = modern.ask(m.GetData(items=[missing]), "notfound")
    equal([item.hash for item in got.items], ["ab" * 32])


@scenario(p2p=True, args=QUIET)
def payments_are_fetched(stage):
    """A payment that a peer announces is fetched, checked and kept; one that is bad is named in the log."""
    node = stage.node
    peer = node.peer()
    payment = stage.wallet().create()
    peer.store.add_transactions([payment.tx])
    peer.send(m.Inv(items=[m.Inventory(m.MSG_WTX, payment.tx.wtxid)]))
    wait_until(lambda: node.getrawmempool() == [payment.txid], "it is in the mempool")
    worse = stage.wallet().create()
    worse.tx.outputs[0].value = 21_000_000 * 100_000_000 + 1
    with node.logs("bad-txns-vout-toolarge", timeout=10):
        peer.send_and_sync(m.TxMessage(tx=worse.tx))


@scenario(p2p=True, args=QUIET)
def orphan_payments(stage):
    """The parent of a payment is asked for, and both are kept."""
    node = stage.node
    peer = node.peer()
    wallet = stage.wallet()
    parent = wallet.create()
    child = wallet.create(parent.coins)
    since = peer.mark()
    peer.send_and_sync(m.TxMessage(tx=child.tx))
    equal(node.getrawmempool(), [])
    got = peer.wait_for("getdata", since=since)
    equal([item.hash for item in got.items], [parent.txid])
    peer.send_and_sync(m.TxMessage(tx=parent.tx))
    wait_until(lambda: len(node.getrawmempool()) == 2, "both are there")


@scenario(p2p=True, args=QUIET)
def least_fees(stage):
    """A peer is not told of payments below its fee filter."""
    node = stage.node
    peer = node.peer()
    peer.send_and_sync(m.FeeFilter(rate=20_000))
    wait_until(lambda: float(node.info_of(peer)["minfeefilter"]) == 0.0002, "the filter is known")
    since = peer.mark()
    wallet = stage.wallet()
    cheap, dear = wallet.send(rate=5_000), wallet.send(rate=50_000)
    peer.wait_for("inv", lambda got: dear.tx.wtxid in [item.hash for item in got.items], since)
    told = [item.hash for got in peer.of("inv", since) for item in got.items]
    equal(cheap.tx.wtxid in told, False)


@scenario(p2p=True, args=["-blocksonly"])
def blocks_only(stage):
    """A node that wants blocks alone says so, and drops who announces payments."""
    node = stage.node
    peer = node.peer()
    equal((peer.of("version")[0].relay, node.getnetworkinfo()["localrelay"]), (False, False))
    with node.logs("inv sent in violation of protocol", timeout=10):
        peer.send(m.Inv(items=[m.Inventory(m.MSG_WTX, "cd" * 32)]))
        peer.wait_closed()


@scenario(p2p=True)
def compact_blocks_are_sent(stage):
    """Who asks for compact blocks gets a new block so, and the transactions that it lacks."""
    node = stage.node
    peer = node.peer()
    peer.send_and_sync(m.SendCmpct(high_bandwidth=True, version=2))
    equal(node.info_of(peer)["bip152_hb_from"], True)
    # It must be known to have the block before.
    peer.send_and_sync(m.Headers(headers=[block_of(node, node.getbestblockhash()).header]))
    payment = stage.wallet().send()
    since = peer.mark()
    block_hash = node.generatetoaddress(1, SINK_ADDRESS)[0]
    peer.wait_for("cmpctblock", lambda got: got.header.hash == block_hash, since)
    with node.logs(f"sent us a GETBLOCKTXN for block {block_hash}, sending a BLOCKTXN with 1 txns.", timeout=10):
        got = peer.ask(m.GetBlockTxn(block_hash=block_hash, gaps=[1]), "blocktxn")
    equal([tx.txid for tx in got.transactions], [payment.txid])


@scenario(p2p=True)
def compact_blocks_are_taken(stage):
    """A compact block is rebuilt from the mempool; what is missing is asked for, and a false answer costs the peer."""
    node = stage.node
    peer = node.peer()
    peer.send_and_sync(m.SendCmpct(high_bandwidth=False, version=2))
    # The first good block makes it one whose compact blocks are wanted unasked.
    peer.send_and_sync(m.BlockMessage(block=next_block(node)))
    peer.wait_for("sendcmpct", lambda got: got.high_bandwidth)
    wallet = stage.wallet()
    known, unknown = wallet.send(), wallet.create()
    block = next_block(node, [known.tx, unknown.tx], fees=known.fee + unknown.fee)
    since = peer.mark()
    peer.send_and_sync(m.compact(block))
    equal(peer.wait_for("getblocktxn", since=since).gaps, [2])
    peer.send_and_sync(m.BlockTxn(block_hash=block.hash, transactions=[unknown.tx]))
    equal(node.getbestblockhash(), block.hash)
    other = wallet.create()
    block = next_block(node, [other.tx], fees=other.fee)
    since = peer.mark()
    peer.send_and_sync(m.compact(block))
    peer.wait_for("getblocktxn", since=since)
    with node.logs("invalid compact block/non-matching block transactions", timeout=10):
        peer.send(m.BlockTxn(block_hash=block.hash, transactions=[]))
        peer.wait_closed()
