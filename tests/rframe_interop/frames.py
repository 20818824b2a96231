"""Frames as Python's struct writes and reads them: a second opinion that shares nothing with teebox.

encode: a line "FORMAT TYPE PAYLOAD" becomes a frame, both in hexadecimal.
decode: a line "FORMAT FRAMES" becomes its frames, as "TYPE PAYLOAD" in a line each. The type is 1 where there is none.
"""

import io
import struct
import sys

BARE = {
    "u8": ">B", "u16be": ">H", "u16le": "<H", "u32be": ">I", "u32le": "<I", "u64be": ">Q", "u64le": "<Q",
    "native-messaging": "=I", "erlang1": ">B", "erlang2": ">H", "erlang4": ">I", "dns": ">H", "kcat": ">i",
}
ORDER = {"u24be": "big", "u24le": "little"}


def varint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number % 128 + 128)
        number //= 128
    return bytes(out) + bytes([number])


def encode(name, kind, payload):
    size = len(payload)
    if name in ORDER:
        return size.to_bytes(3, ORDER[name]) + payload
    if name in BARE:
        return struct.pack(BARE[name], size) + payload
    return {
        "message": lambda: struct.pack(">IB", size + 1, kind) + payload,
        "varint": lambda: varint(size) + payload,
        "netstring": lambda: b"%d:%s," % (size, payload),
        "pkt-line": lambda: b"%04x%s" % (size + 4, payload),
        "syslog": lambda: b"%d %s" % (size, payload),
        "docker": lambda: struct.pack(">BxxxI", kind, size) + payload,
        "postgres": lambda: struct.pack(">BI", kind, size + 4) + payload,
        "grpc": lambda: struct.pack(">BI", kind, size) + payload,
        "lsp": lambda: b"Content-Length: %d\r\n\r\n%s" % (size, payload),
    }[name]()


def exactly(source, size):
    data = source.read(size)
    if len(data) != size:
        raise EOFError(f"{len(data)} of {size} bytes")
    return data


def until(source, mark):
    found = b""
    while not found.endswith(mark):
        found += exactly(source, 1)
    return found[: -len(mark)]


def unpack(source, layout):
    return struct.unpack(layout, exactly(source, struct.calcsize(layout)))


def decode(name, source):
    kind = 1
    if name in ORDER:
        size = int.from_bytes(exactly(source, 3), ORDER[name])
    elif name in BARE:
        (size,) = unpack(source, BARE[name])
    elif name == "message":
        size, kind = unpack(source, ">IB")
        size -= 1
    elif name == "varint":
        size, shift, byte = 0, 0, 128
        while byte >= 128:
            byte = exactly(source, 1)[0]
            size |= (byte & 127) << shift
            shift += 7
    elif name == "netstring":
        size = int(until(source, b":"))
    elif name == "pkt-line":
        size = int(exactly(source, 4), 16) - 4
    elif name == "syslog":
        size = int(until(source, b" "))
    elif name == "docker":
        kind, size = unpack(source, ">BxxxI")
    elif name == "postgres":
        kind, size = unpack(source, ">BI")
        size -= 4
    elif name == "grpc":
        kind, size = unpack(source, ">BI")
    elif name == "lsp":
        size = int(until(source, b"\r\n\r\n").removeprefix(b"Content-Length: "))
    payload = exactly(source, size)
    if name == "netstring":
        assert exactly(source, 1) == b","
    return kind, payload


def main():
    for line in sys.stdin:
        name, *words = line.rstrip("\n").split(" ")
        if sys.argv[1] == "encode":
            print(encode(name, int(words[0]), bytes.fromhex(words[1])).hex())
            continue
        frames = bytes.fromhex(words[0])
        source = io.BytesIO(frames)
        while source.tell() < len(frames):
            kind, payload = decode(name, source)
            print(kind, payload.hex())


main()
