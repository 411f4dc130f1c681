"""Block filters for light clients (BIPs 157 and 158)."""

import messages as m
from codec import raw_hash, sha256d, shown
from scenario import equal, scenario, wait_until
from scenarios.reorgs import SINK_ADDRESS

ZERO = "00" * 32
SERVING = ["-blockfilterindex", "-peerblockfilters"]


def hash_of(filter_bytes):
    return shown(sha256d(filter_bytes))


def header_after(previous, filter_hash):
    return shown(sha256d(raw_hash(filter_hash) + raw_hash(previous)))


def wait_for_index(node):
    height = node.getblockcount()

    def is_there():
        info = node.getindexinfo().get("basic block filter index", {})
        return info.get("synced") and info["best_block_height"] == height

    wait_until(is_there, "the index is there")


def mine_to(node, height):
    while node.getblockcount() < height:
        node.generatetoaddress(min(200, height - node.getblockcount()), SINK_ADDRESS)
    wait_for_index(node)


@scenario(p2p=True, args=SERVING)
def filters_are_served(stage):
    """Filters of blocks and the chain of their headers are those that RPC shows."""
    node = stage.node
    wait_for_index(node)
    peer = node.peer()
    equal(bool(peer.version.services & m.COMPACT_FILTERS), True)
    equal("COMPACT_FILTERS" in node.getnetworkinfo()["localservicesnames"], True)
    stop = node.getblockhash(199)
    since = peer.mark()
    peer.send_and_sync(m.GetCFilters(start=190, stop=stop))
    got = peer.of("cfilter", since)
    equal([each.block_hash for each in got], [node.getblockhash(height) for height in range(190, 200)])
    for each in got:
        equal((each.kind, each.filter.hex()), (0, node.getblockfilter(each.block_hash)["filter"]))
    headers = peer.ask(m.GetCFHeaders(start=190, stop=stop), "cfheaders")
    equal((headers.stop, headers.hashes), (stop, [hash_of(each.filter) for each in got]))
    equal(headers.previous, node.getblockfilter(node.getblockhash(189))["header"])
    last = headers.previous
    for each in headers.hashes:
        last = header_after(last, each)
    equal(last, node.getblockfilter(stop)["header"])
    # From the first block on there is nothing before.
    headers = peer.ask(m.GetCFHeaders(start=0, stop=node.getblockhash(1)), "cfheaders")
    equal((headers.previous, len(headers.hashes)), (ZERO, 2))
    equal(peer.ask(m.GetCFCheckpt(stop=stop), "cfcheckpt").headers, [])


@scenario(p2p=True, args=SERVING)
def filters_up_to_the_limits(stage):
    """A thousand filters, two thousand hashes and a checkpoint for each thousand blocks are served."""
    node = stage.node
    mine_to(node, 2010)
    peer = node.peer()
    hashes = {height: node.getblockhash(height) for height in (999, 1000, 1999, 2000, 2010)}
    since = peer.mark()
    peer.send_and_sync(m.GetCFilters(start=1001, stop=hashes[2000]))
    equal(len(peer.of("cfilter", since)), 1000)
    headers = peer.ask(m.GetCFHeaders(start=1, stop=hashes[2000]), "cfheaders")
    equal(len(headers.hashes), 2000)
    shown_headers = [node.getblockfilter(hashes[height])["header"] for height in (1000, 2000)]
    for stop, count in ((2010, 2), (2000, 2), (1999, 1), (1000, 1), (999, 0)):
        got = peer.ask(m.GetCFCheckpt(stop=hashes[stop]), "cfcheckpt", lambda got, at=stop: got.stop == hashes[at])
        equal((got.kind, got.headers), (0, shown_headers[:count]))
    # One more of either ends the connection.
    for question, text in (
        (m.GetCFilters(start=1000, stop=hashes[2000]), "peer requested too many cfilters/cfheaders: 1001 / 1000"),
        (m.GetCFHeaders(start=0, stop=hashes[2000]), "peer requested too many cfilters/cfheaders: 2001 / 2000"),
    ):
        bold = node.peer()
        with node.logs(text, timeout=10):
            bold.send(question)
            bold.wait_closed()
    peer.sync()


@scenario(p2p=True, args=SERVING)
def questions_for_filters_that_make_no_sense(stage):
    """Whoever asks for another kind of filter, an unknown block or a range that is none is dropped."""
    node = stage.node
    wait_for_index(node)
    stop = node.getblockhash(100)
    for question, text in (
        (m.GetCFilters(start=101, stop=stop), "peer sent invalid getcfilters/getcfheaders with start height 101"),
        (m.GetCFHeaders(start=101, stop=stop), "peer sent invalid getcfilters/getcfheaders with start height 101"),
        (m.GetCFilters(start=0, stop="ab" * 32), "peer requested invalid block hash: " + "ab" * 32),
        (m.GetCFHeaders(start=0, stop="ab" * 32), "peer requested invalid block hash: " + "ab" * 32),
        (m.GetCFCheckpt(stop="ab" * 32), "peer requested invalid block hash: " + "ab" * 32),
        (m.GetCFilters(kind=1, start=0, stop=stop), "peer requested unsupported block filter type: 1"),
        (m.GetCFHeaders(kind=255, start=0, stop=stop), "peer requested unsupported block filter type: 255"),
        (m.GetCFCheckpt(kind=1, stop=stop), "peer requested unsupported block filter type: 1"),
    ):
        peer = node.peer()
        with node.logs(text, timeout=10):
            peer.send(question)
            peer.wait_closed()
        equal([command for command in peer.commands() if command.startswith("cf")], [])


@scenario(p2p=True, args=["-blockfilterindex"])
def filters_for_oneself(stage):
    """A node that keeps filters and does not offer them drops whoever asks for one."""
    node = stage.node
    for question in (m.GetCFilters(stop=node.getblockhash(1)), m.GetCFCheckpt(stop=node.getblockhash(1))):
        peer = node.peer()
        equal(bool(peer.version.services & m.COMPACT_FILTERS), False)
        with node.logs("peer requested unsupported block filter type: 0", timeout=10):
            peer.send(question)
            peer.wait_closed()


@scenario(p2p=True, args=SERVING)
def filters_of_a_branch_that_lost(stage):
    """Filters of blocks that are no longer on the chain are still served, and those of the new ones too."""
    node = stage.node
    lost = node.generatetoaddress(3, SINK_ADDRESS)
    wait_for_index(node)
    filters = [node.getblockfilter(block) for block in lost]
    node.invalidateblock(lost[0])
    new = node.generatetoaddress(4, "mjTkW3DjgyZck4KbiRusZsqTgaYTxdSz6z")
    node.reconsiderblock(lost[0])
    equal(node.getbestblockhash(), new[-1])
    wait_for_index(node)
    peer = node.peer()
    for stop, blocks in ((lost[-1], lost), (new[-1], new)):
        since = peer.mark()
        peer.send_and_sync(m.GetCFilters(start=201, stop=stop))
        got = peer.of("cfilter", since)
        equal([each.block_hash for each in got], blocks)
        headers = peer.ask(m.GetCFHeaders(start=201, stop=stop), "cfheaders", lambda got, at=stop: got.stop == at)
        equal(headers.previous, node.getblockfilter(node.getblockhash(200))["header"])
        last = headers.previous
        for each in headers.hashes:
            last = header_after(last, each)
        equal(last, node.getblockfilter(stop)["header"])
    equal(node.getblockfilter(lost[-1]), filters[-1])
