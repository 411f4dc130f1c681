"""Headers and blocks between a node and a peer."""

import time

import messages as m
from chain import GENESIS, block_of, make_block, make_chain, next_block, next_blocks, submit
from peer import Peer
from scenario import MockClock, equal, refused, scenario, wait_until
from script import SINK_ADDRESS



@scenario(p2p=True)
def headers_are_asked_for(stage):
    """getheaders is answered from the fork point, up to a stop, and by nothing new with nothing."""
    node = stage.node
    peer = node.peer()
    hashes = [node.getblockhash(height) for height in range(201)]

    def headers(locator, stop="00" * 32):
        got = peer.ask(m.GetHeaders(locator=locator, stop=stop), "headers")
        return [header.hash for header in got.headers]

    equal(headers([hashes[0]]), hashes[1:])
    equal(headers([hashes[150], hashes[100]]), hashes[151:])
    equal(headers(["11" * 32, hashes[190]], hashes[195]), hashes[191:196])
    equal(headers(["11" * 32]), hashes[1:])
    equal(headers([], hashes[77]), [hashes[77]])
    equal(headers([hashes[200]]), [])
    got = peer.ask(m.GetBlocks(locator=[hashes[190]]), "inv")
    equal([(item.kind, item.hash) for item in got.items], [(m.MSG_BLOCK, text) for text in hashes[191:]])


@scenario(p2p=True, chain="empty")
def header_sync(stage):
    """A node asks its first peer for headers until there are no more, and then for the blocks, with witnesses."""
    node = stage.node
    genesis = node.getblockheader(GENESIS)
    blocks = make_chain(GENESIS, 1, genesis["time"] + 600, 2100)
    blocks += make_chain(blocks[-1].hash, 2101, int(time.time()) - 100, 3)
    peer = Peer()
    peer.store.add_blocks(blocks)
    node.outbound(peer=peer)
    wait_until(lambda: node.getblockchaininfo()["headers"] == 2103, "all headers are there")
    equal(peer.of("getheaders")[0].locator, [GENESIS])
    wait_until(lambda: node.getblockcount() == 2103, "all blocks are there")
    equal(node.getbestblockhash(), blocks[-1].hash)
    equal(node.getblockchaininfo()["initialblockdownload"], False)
    kinds = {item.kind for got in peer.of("getdata") for item in got.items}
    equal(kinds, {m.MSG_BLOCK | m.WITNESS_FLAG})
    most = max(len(got.items) for got in peer.of("getdata"))
    assert most <= 16, most
    info = node.info_of(peer)
    equal((info["synced_headers"], info["synced_blocks"], info["inflight"]), (2103, 2103, []))


@scenario(p2p=True)
def announced_by_headers(stage):
    """A header that a peer announces leads to its block; a chain of headers that hang on nothing to a question."""
    node = stage.node
    peer = node.peer(answers=Peer.PASSIVE)
    blocks = next_blocks(node, 3)
    since = peer.mark()
    peer.send(m.Headers(headers=[blocks[0].header]))
    got = peer.wait_for("getdata", since=since)
    equal([item.hash for item in got.items], [blocks[0].hash])
    equal(node.info_of(peer)["inflight"], [201])
    peer.send_and_sync(m.BlockMessage(block=blocks[0]))
    equal(node.getbestblockhash(), blocks[0].hash)
    assert node.info_of(peer)["last_block"] > 0
    since = peer.mark()
    peer.send(m.Headers(headers=[blocks[2].header]))
    got = peer.wait_for("getheaders", since=since)
    equal(got.locator[0], blocks[0].hash)
    peer.send(m.Headers(headers=[blocks[1].header, blocks[2].header]))
    got = peer.wait_for("getdata", since=since)
    equal([item.hash for item in got.items], [blocks[1].hash, blocks[2].hash])
    # Blocks come in any order.
    peer.send_and_sync(m.BlockMessage(block=blocks[2]), m.BlockMessage(block=blocks[1]))
    equal(node.getbestblockhash(), blocks[2].hash)
    # An inv of an unknown block leads to getheaders.
    block = next_block(node)
    got = peer.ask(m.Inv(items=[m.Inventory(m.MSG_BLOCK, block.hash)]), "getheaders")
    equal(got.locator[0], blocks[2].hash)


@scenario(p2p=True)
def headers_that_do_not_hang_together(stage):
    """A list whose headers do not follow each other, or without work, is misbehaviour."""
    node = stage.node
    blocks = next_blocks(node, 3)
    peer = node.peer()
    with node.logs(f"Misbehaving: peer={peer.id}: non-continuous headers sequence", timeout=10):
        peer.send(m.Headers(headers=[blocks[0].header, blocks[2].header]))
        peer.wait_closed()
    peer = node.peer()
    unsolved = blocks[0].header
    while unsolved.solves():
        unsolved.nonce += 1
    with node.logs(f"Misbehaving: peer={peer.id}: header with invalid proof of work", timeout=10):
        peer.send(m.Headers(headers=[unsolved]))
        peer.wait_closed()
    bad = next_block(node, version=1)
    peer = node.peer()
    with node.logs("bad-version(0x00000001)", timeout=10):
        peer.send(m.Headers(headers=[bad.header]))
        peer.wait_closed()


@scenario(p2p=True)
def announcing_new_blocks(stage):
    """A new block is announced by inv, and to those who want so by its header."""
    node = stage.node
    plain, modern = node.peer(answers=Peer.PASSIVE), node.peer(answers=Peer.PASSIVE)
    modern.send_and_sync(m.SendHeaders())
    marks = plain.mark(), modern.mark()
    tip = node.generatetoaddress(1, SINK_ADDRESS)[0]
    got = plain.wait_for("inv", since=marks[0])
    equal([(item.kind, item.hash) for item in got.items], [(m.MSG_BLOCK, tip)])
    # Whoever was not told of the parent cannot use a header: it gets an inv until it is known to have one.
    modern.wait_for("inv", since=marks[1])
    modern.ask(m.GetHeaders(locator=[node.getblockhash(200)]), "headers")
    plain.ask(m.GetHeaders(locator=[node.getblockhash(200)]), "headers")
    marks = plain.mark(), modern.mark()
    tip = node.generatetoaddress(1, SINK_ADDRESS)[0]
    equal([header.hash for header in modern.wait_for("headers", since=marks[1]).headers], [tip])
    equal([item.hash for item in plain.wait_for("inv", since=marks[0]).items], [tip])
    # Several at once come together.
    marks = plain.mark(), modern.mark()
    blocks = next_blocks(node, 3)
    submit(node, *blocks)
    modern.wait_for("headers", lambda got: got.headers[-1].hash == blocks[-1].hash, marks[1])
    # After a reorganization all headers of the new branch that are not known yet are told.
    branch = next_blocks(node, 3, on=blocks[0].hash, extra=b"other")
    since = modern.mark()
    for block in branch:
        node.submitblock(block.hex)
    equal(node.getbestblockhash(), branch[-1].hash)
    modern.wait_for("headers", lambda got: got.headers[-1].hash == branch[-1].hash, since)
    got = [header.hash for each in modern.of("headers", since) for header in each.headers]
    equal(got[-1], branch[-1].hash)
    assert set(got) <= {block.hash for block in branch}


@scenario(p2p=True)
def blocks_on_request(stage):
    """getdata gives blocks with or without witnesses; what is not there is passed over."""
    node = stage.node
    payment = stage.wallet().send()
    tip = node.generatetoaddress(1, SINK_ADDRESS)[0]
    block = block_of(node, tip)
    peer = node.peer(answers=Peer.PASSIVE)
    got = peer.ask(m.GetData(items=[m.Inventory(m.MSG_BLOCK | m.WITNESS_FLAG, tip)]), "block")
    equal(got.block.encode(), block.encode())
    got = peer.ask(m.GetData(items=[m.Inventory(m.MSG_BLOCK, tip)]), "block")
    equal(got.block.encode(), block.encode(witness=False))
    equal(got.block.transactions[1].txid, payment.txid)
    since = peer.mark()
    old = node.getblockhash(5)
    peer.send_and_sync(m.GetData(items=[
        m.Inventory(m.MSG_BLOCK, "33" * 32), m.Inventory(m.MSG_BLOCK, old), m.Inventory(99, "44" * 32),
    ]))
    equal([each.block.hash for each in peer.of("block", since)], [old])
    # A block of a fork is given away once it was connected, and is not very old.
    fork = next_blocks(node, 1, on=block.prev, extra=b"fork")[0]
    node.submitblock(fork.hex)
    since = peer.mark()
    peer.send_and_sync(m.GetData(items=[m.Inventory(m.MSG_BLOCK, fork.hash)]))
    equal(peer.of("block", since), [])
    node.preciousblock(fork.hash)
    equal(node.getbestblockhash(), fork.hash)
    equal(peer.ask(m.GetData(items=[m.Inventory(m.MSG_BLOCK, tip)]), "block").block.hash, tip)


@scenario(p2p=True)
def blocks_unasked(stage):
    """A block that nobody asked for is taken if it is good; one that is bad costs the connection."""
    node = stage.node
    peer = node.peer()
    good = next_block(node)
    peer.send_and_sync(m.BlockMessage(block=good))
    equal(node.getbestblockhash(), good.hash)
    orphan = make_block("77" * 32, 202, good.time + 1)
    with node.logs("AcceptBlock FAILED (prev-blk-not-found)", f"Misbehaving: peer={peer.id}\n", timeout=10):
        peer.send(m.BlockMessage(block=orphan))
        peer.wait_closed()
    greedy = next_block(node)
    greedy.transactions[0].outputs[0].value += 1
    greedy.set_merkle_root()
    greedy.solve()
    peer = node.peer()
    with node.logs("Block validation error: bad-cb-amount", f"Misbehaving: peer={peer.id}", timeout=10):
        peer.send(m.BlockMessage(block=greedy))
        peer.wait_closed()
    mutated = next_block(node)
    mutated.merkle_root = "99" * 32
    mutated.solve()
    peer = node.peer()
    with node.logs("Block mutated: bad-txnmrklroot", f"Misbehaving: peer={peer.id}: mutated block", timeout=10):
        peer.send(m.BlockMessage(block=mutated))
        peer.wait_closed()
    # Who builds on a bad block is dropped too.
    child = make_block(greedy.hash, 203, greedy.time + 1)
    peer = node.peer()
    with node.logs(f"Misbehaving: peer={peer.id}: invalid header received", timeout=10):
        peer.send(m.Headers(headers=[child.header]))
        peer.wait_closed()
    equal(node.getbestblockhash(), good.hash)


@scenario(p2p=True)
def fork_with_less_work(stage):
    """A fork with less work than the tip is not asked for; once it has more, all of it is."""
    node = stage.node
    peer = node.peer(answers=Peer.PASSIVE)
    first = next_blocks(node, 1, on=node.getblockhash(198), extra=b"fork")[0]
    peer.send_and_sync(m.Headers(headers=[first.header]))
    equal(peer.of("getdata"), [])
    shown = {tip["hash"]: tip["status"] for tip in node.getchaintips()}
    equal(shown[first.hash], "headers-only")
    # Nobody asked for it, and it is of no use: it is not stored.
    peer.send_and_sync(m.BlockMessage(block=first))
    shown = {tip["hash"]: tip["status"] for tip in node.getchaintips()}
    equal(shown[first.hash], "headers-only")
    second = make_block(first.hash, 200, first.time + 1)
    third = make_block(second.hash, 201, first.time + 2)
    fork = [first, second, third]
    since = peer.mark()
    peer.send(m.Headers(headers=[second.header, third.header]))
    equal([item.hash for item in peer.wait_for("getdata", since=since).items], [block.hash for block in fork])
    for block in fork:
        peer.send_and_sync(m.BlockMessage(block=block))
    equal(node.getbestblockhash(), third.hash)


@scenario(p2p=True, args=["-minimumchainwork=0x1000"], chain="empty")
def least_work(stage):
    """Below the least work nothing is downloaded, above it the node is up to date."""
    node = stage.node
    genesis = node.getblockheader(GENESIS)
    # Each block has two units of work, which makes 2048 blocks the least.
    short = make_chain(GENESIS, 1, genesis["time"] + 600, 100)
    peer = node.peer(answers=Peer.PASSIVE)
    peer.send_and_sync(m.Headers(headers=[block.header for block in short]))
    equal((node.getblockchaininfo()["headers"], peer.of("getdata")), (0, []))
    equal(len(node.getchaintips()), 1)
    node.hang_up_all()
    long = make_chain(GENESIS, 1, int(time.time()) - 3000, 2060)
    counting = node.outbound(peer=Peer(answers=Peer.PASSIVE))

    def presynced():
        return node.info_of(counting)["presynced_headers"]

    # They are counted, and once they have the work they have to come again, whole.
    headers = [block.header for block in long]
    equal(presynced(), -1)
    counting.send_and_sync(m.Headers(headers=headers[:2000]))
    equal((presynced(), node.getblockchaininfo()["headers"]), (2000, 0))
    said = "reached sufficient work at height=2060, redownloading from height=0"
    with node.logs(f"Initial headers sync transition with peer={counting.id}: {said}", timeout=10):
        counting.send_and_sync(m.Headers(headers=headers[2000:]))
    equal((presynced(), node.getblockchaininfo()["headers"]), (2060, 0))
    said = "incomplete headers message at height=60 (redownload phase)"
    with node.logs(f"Initial headers sync aborted with peer={counting.id}: {said}", timeout=10):
        counting.send_and_sync(m.Headers(headers=headers[:60]))
    equal((presynced(), node.getblockchaininfo()["headers"]), (-1, 0))
    node.hang_up_all()
    server = Peer()
    server.store.add_blocks(long)
    with node.logs("releasing all at height=2060 (redownload phase)", timeout=60):
        node.outbound(peer=server)
        wait_until(lambda: node.getblockcount() == 2060, "the chain is there")
    equal(node.getblockchaininfo()["initialblockdownload"], False)
    refused(-5, "Block not found", node.getblock, short[0].hash)


@scenario(p2p=True)
def stalled_download(stage):
    """A block that does not come is asked of another peer after a while."""
    node = stage.node
    clock = MockClock(node)
    block = next_block(node)
    slow, helpful = Peer(answers={"version", "ping", "getheaders"}), Peer()
    for peer in (slow, helpful):
        peer.store.add_blocks([block])
    node.outbound(peer=slow)
    slow.send(m.Headers(headers=[block.header]))
    slow.wait_for("getdata")
    node.outbound(peer=helpful)
    helpful.send_and_sync(m.Headers(headers=[block.header]))
    equal(helpful.of("getdata"), [])
    with node.logs("Timeout downloading block", timeout=30):
        clock.move(30 * 60)
        slow.wait_closed()
    helpful.wait_for("getdata")
    wait_until(lambda: node.getbestblockhash() == block.hash, "the block is there")
