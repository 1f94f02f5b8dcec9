"""Writes down who connects to whom, on every interface of an instance, its containers' included: connections.py FILE

FILE gets a line of JSON for each connection over TCP and each exchange over UDP, {"protocol", "source", "address",
"port"}, and for each question to a name server, with the "name" in addition. A packet to the port DISCARD is a mark,
{"mark": its text, "lost"}: what was sent before it is in the file before it, but for as many packets as were lost.
"""

import ctypes
import json
import socket
import struct
import sys

DISCARD, DOMAIN = 9, 53
# As Linux has them: if_ether.h, if_packet.h, asm-generic/socket.h.
ETH_P_ALL, ETH_P_IP, ETH_P_IPV6 = 0x0003, 0x0800, 0x86DD
SOL_PACKET, PACKET_STATISTICS, SO_ATTACH_FILTER, SO_RCVBUFFORCE = 263, 6, 26, 33
TCP, UDP, SYN, SYN_OR_ACK = 6, 17, 0x02, 0x12
PROTOCOLS = {TCP: "TCP", UDP: "UDP"}
MAY_WAIT = 16 << 20  # bytes of packets that the kernel keeps
# The kernel hands over first packets of TCP and all of UDP: what else a boot moves costs nothing. Each line has an
# instruction, how far it jumps if it holds and if not, and its value: https://docs.kernel.org/networking/filter.html
FILTER = (
    (0x20, 0, 0, 0xFFFFF000),  # load the packet's type
    (0x15, 0, 8, ETH_P_IP),
    (0x30, 0, 0, 9),  # load the protocol
    (0x15, 13, 0, UDP),
    (0x15, 0, 13, TCP),
    (0x28, 0, 0, 6),  # load the fragment's place: only the first one has a header
    (0x45, 11, 0, 0x1FFF),
    (0xB1, 0, 0, 0),  # the header of TCP begins where that of IP ends
    (0x50, 0, 0, 13),  # load the flags
    (0x05, 0, 0, 5),
    (0x15, 0, 7, ETH_P_IPV6),
    (0x30, 0, 0, 6),
    (0x15, 4, 0, UDP),
    (0x15, 0, 4, TCP),
    (0x30, 0, 0, 40 + 13),
    (0x54, 0, 0, SYN_OR_ACK),
    (0x15, 0, 1, SYN),
    (0x06, 0, 0, 0xFFFF),  # the packet
    (0x06, 0, 0, 0),  # nothing
)


def listen():
    """A socket that gets the packets of every interface that there is and will be."""
    packets = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
    packets.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, MAY_WAIT)
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in FILTER))
    pointer = struct.pack("HP", len(FILTER), ctypes.addressof(program))
    packets.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, pointer)
    return packets


def understand(packet):
    """Protocol, source, source port, destination, port and content of a packet; None if it begins nothing."""
    if packet[0] >> 4 == 4:
        protocol, family, source, header = packet[9], socket.AF_INET, 12, 4 * (packet[0] & 15)
        fragment = struct.unpack_from("!H", packet, 6)[0] & 0x1FFF
    else:
        protocol, family, source, header, fragment = packet[6], socket.AF_INET6, 8, 40, 0
    if protocol not in PROTOCOLS or fragment:
        return None
    if protocol == TCP and packet[header + 13] & SYN_OR_ACK != SYN:
        return None
    size = 4 if family == socket.AF_INET else 16
    addresses = [socket.inet_ntop(family, packet[at : at + size]) for at in (source, source + size)]
    ports = struct.unpack_from("!HH", packet, header)
    return PROTOCOLS[protocol], addresses[0], ports[0], addresses[1], ports[1], packet[header + 8 :]


def name_asked(message):
    """The name that a question to a name server is about; whatever else was sent there, as it is.

    https://www.rfc-editor.org/rfc/rfc1035#section-4.1.2
    """
    labels, at = [], 12
    while at < len(message) and (length := message[at]):
        labels.append(message[at + 1 : at + 1 + length].decode(errors="replace"))
        at += 1 + length
    return ".".join(labels).lower() if at < len(message) else repr(message)


def write_connections(packets, file):
    """Each is written once: its first packet is sent again, and seen on every interface on its way."""
    seen = set()
    while True:
        # Something may come before there is the filter.
        found = understand(packets.recv(0xFFFF))
        if found is None:
            continue
        protocol, source, source_port, address, port, content = found
        about = content if protocol == "UDP" and port in (DISCARD, DOMAIN) else b""
        packet = (protocol, source, source_port, address, port, about)
        if packet in seen or (protocol, address, port, source, source_port) in seen:
            continue
        seen |= {packet, packet[:-1]}
        line = {"protocol": protocol, "source": source, "address": address, "port": port}
        if about and port == DOMAIN:
            line["name"] = name_asked(about)
        elif about:
            line = {"mark": about.decode(), "lost": lost(packets)}
        file.write(json.dumps(line) + "\n")
        file.flush()


def lost(packets):
    """How many packets there was no place for, since this was asked last."""
    return struct.unpack("II", packets.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))[1]


with open(sys.argv[1], "w", encoding="utf-8") as file:
    write_connections(listen(), file)
