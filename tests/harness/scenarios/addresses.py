"""Addresses of nodes between a node and its peers."""

import ipaddress

import messages as m
from objects import Header
from peer import Peer
from scenario import MockClock, equal, scenario, wait_until

DAY = 24 * 60 * 60
# Addresses that are taken in a second, after the first one.
RATE = 0.1
OWN = "50.4.1.1"


def told(clock, *texts, age=0):
    return [m.TimedAddress(time=clock.now - age, ip=text, port=8333) for text in texts]


def told_v2(clock, *texts, age=0):
    return [
        m.AddressV2(time=clock.now - age, address=ipaddress.ip_address(text).packed, port=8333) for text in texts
    ]


def heard(peer, since=0):
    """The addresses that a peer was told, in either form."""
    found = [entry.ip for got in peer.of("addr", since) for entry in got.addresses]
    for got in peer.of("addrv2", since):
        found += [str(ipaddress.ip_address(entry.address)) for entry in got.addresses if entry.network in (1, 2)]
    return found


def interested(node, **options):
    """A peer that called and takes part in the exchange of addresses."""
    peer = node.peer(**options)
    peer.send_and_sync(m.GetAddr())
    return peer


def outbound(node, kind="outbound-full-relay"):
    """A peer that the node called and keeps for days: it shows that it has the chain."""
    peer = node.outbound(kind)
    tip = node.getblockheader(node.getbestblockhash(), False)
    peer.send_and_sync(m.Headers(headers=[Header.decode(bytes.fromhex(tip))]))
    return peer


def pass_minutes(clock, peers, minutes=30):
    """Moves the clock on so that whatever waits to be told is told: on average within half a minute."""
    for _ in range(minutes):
        clock.move(60)
        for peer in peers:
            peer.sync()


@scenario(p2p=True)
def addresses_go_to_two(stage):
    """A fresh address goes to two of the other peers, once, and never to one for blocks alone."""
    node = stage.node
    clock = MockClock(node)
    peers = [interested(node) for _ in range(4)] + [interested(node, addr_v2=False)]
    for_blocks = outbound(node, "block-relay-only")
    silent = node.peer()
    sender = node.peer()
    clock.move(1000)
    fresh = [f"40.{n}.1.1" for n in range(8)]
    sender.send_and_sync(m.Addr(addresses=told(clock, *fresh)))
    equal(node.info_of(sender)["addr_processed"], 8)
    everybody = [*peers, for_blocks, silent, sender]
    pass_minutes(clock, everybody)
    counts = {text: sum(heard(peer).count(text) for peer in everybody) for text in fresh}
    equal(counts, {text: 2 for text in fresh})
    equal([heard(peer) for peer in (for_blocks, silent, sender)], [[], [], []])
    # Who has not said sendaddrv2 hears in the old form, and the others in the new one.
    equal([peer.of("addr") for peer in peers[:4]], [[]] * 4)
    equal(peers[4].of("addrv2"), [])
    # Nobody hears the same once more (on another day others may hear it).
    sender.send_and_sync(m.Addr(addresses=told(clock, *fresh)))
    pass_minutes(clock, everybody)
    # What a peer knows is forgotten about once a day, before it is told the node's own address: few may fall on that.
    again = sum(heard(peer).count(text) > 1 for peer in peers for text in fresh)
    equal(again < len(fresh), True)


@scenario(p2p=True)
def addresses_that_are_no_news(stage):
    """What is old, comes in a long message or answers a question is kept, and not passed on."""
    node = stage.node
    clock = MockClock(node)
    peer = interested(node)
    sender = node.peer()
    clock.move(1000)
    sender.send_and_sync(m.AddrV2(addresses=told_v2(clock, "41.1.1.1", age=700)))
    sender.send_and_sync(m.AddrV2(addresses=told_v2(clock, *[f"41.2.1.{n}" for n in range(1, 12)])))
    asked = outbound(node)
    asked.wait_for("getaddr")
    asked.send_and_sync(m.AddrV2(addresses=told_v2(clock, "41.3.1.1", "41.4.1.1")))
    # That answer was short, so it was the whole one. What comes now is news.
    asked.send_and_sync(m.AddrV2(addresses=told_v2(clock, "41.5.1.1")))
    pass_minutes(clock, [peer, sender, asked])
    equal(heard(peer), ["41.5.1.1"])
    known = {each["address"] for each in node.getnodeaddresses(0)}
    equal({"41.1.1.1", "41.3.1.1", "41.4.1.1", "41.5.1.1"} <= known, True)


@scenario(p2p=True)
def addresses_of_other_networks(stage):
    """An onion address goes on to those that understand it, and is not kept by a node that cannot call there."""
    node = stage.node
    clock = MockClock(node)
    new, old = interested(node), interested(node, addr_v2=False)
    sender = node.peer()
    clock.move(1000)
    onion = m.AddressV2(time=clock.now, network=4, address=bytes(range(32)), port=8333)
    sender.send_and_sync(m.AddrV2(addresses=[onion]))
    pass_minutes(clock, [new, old])
    equal([entry.encode() for got in new.of("addrv2") for entry in got.addresses], [onion.encode()])
    equal((old.of("addr"), old.of("addrv2"), node.getnodeaddresses(0)), ([], [], []))


@scenario(p2p=True)
def asking_for_addresses(stage):
    """Who called and asks gets a part of the known ones, once, and the same part as others; who was called none."""
    node = stage.node
    clock = MockClock(node)
    for n in range(200):
        node.addpeeraddress(f"42.{n}.1.1", 8333)
    count = len(node.getnodeaddresses(0))
    peers = [node.peer() for _ in range(2)]
    for peer in peers:
        with node.logs('Ignoring repeated "getaddr"', timeout=10):
            peer.send_and_sync(m.GetAddr(), m.GetAddr())
    called = outbound(node)
    with node.logs('Ignoring "getaddr" from outbound-full-relay connection', timeout=10):
        called.send_and_sync(m.GetAddr())
    pass_minutes(clock, [*peers, called])
    one, other = (sorted(heard(peer)) for peer in peers)
    equal(len(one), min(1000, count * 23 // 100))
    equal((one, len(peers[0].of("addrv2")), heard(called)), (other, 1, []))


@scenario(p2p=True)
def too_many_addresses(stage):
    """Addresses are taken at a rate; of more, and of a message that is too long, the node takes none."""
    node = stage.node
    clock = MockClock(node)
    peer = node.peer()

    def counts():
        info = node.info_of(peer)
        return info["addr_processed"], info["addr_rate_limited"]

    peer.send_and_sync(m.AddrV2(addresses=told_v2(clock, *[f"43.1.{n}.1" for n in range(100)])))
    equal(counts(), (1, 99))
    clock.move(200)
    peer.send_and_sync(m.AddrV2(addresses=told_v2(clock, *[f"43.2.{n}.1" for n in range(100)])))
    equal(counts(), (1 + int(200 * RATE), 99 + 100 - int(200 * RATE)))
    # No more than a thousand are saved up.
    clock.move(30 * DAY)
    for part in range(2):
        many = [f"44.{part}.{n // 250}.{n % 250}" for n in range(1000)]
        peer.send_and_sync(m.AddrV2(addresses=told_v2(clock, *many)))
    equal(counts(), (21 + 1000, 179 + 1000))
    with node.logs("addrv2 message size = 1001", timeout=10):
        peer.send(m.AddrV2(addresses=told_v2(clock, *["45.1.1.1"] * 1001)))
        peer.wait_closed()


@scenario(p2p=True, args=["-whitelist=addr@127.0.0.1"])
def who_may_tell_addresses(stage):
    """A peer with the permission may tell any number, and is answered anew by each connection."""
    node = stage.node
    clock = MockClock(node)
    peer = node.peer()
    peer.send_and_sync(m.AddrV2(addresses=told_v2(clock, *[f"46.1.{n}.1" for n in range(100)])))
    info = node.info_of(peer)
    equal((info["permissions"], info["addr_processed"], info["addr_rate_limited"]), (["addr"], 100, 0))


@scenario(p2p=True, args=[f"-externalip={OWN}"])
def own_address(stage):
    """A node tells where it is: at once, alone in a message, again after days, and not to peers for blocks alone."""
    node = stage.node
    clock = MockClock(node)
    equal([own["address"] for own in node.getnetworkinfo()["localaddresses"]], [OWN])
    called, for_blocks = outbound(node), outbound(node, "block-relay-only")
    caller, old = interested(node), node.peer(peer=Peer(addr_v2=False))
    old.send_and_sync(m.GetAddr())
    everybody = [called, for_blocks, caller, old]
    pass_minutes(clock, everybody, 2)
    equal([heard(peer) for peer in everybody], [[OWN], [], [OWN], [OWN]])
    got = caller.of("addrv2")[0].addresses[0]
    equal((got.port, bool(got.services & m.NETWORK)), (node.p2p_port, True))
    equal(old.of("addr")[0].addresses[0].port, node.p2p_port)

    def told_again():
        clock.move(DAY)
        for peer in everybody:
            peer.sync()
        return all(heard(peer).count(OWN) > 1 for peer in (called, caller, old))

    wait_until(told_again, "all have been told again")
    equal(heard(for_blocks), [])
