"""A peer of rframe: lines to frames and back with struct, as a script does it."""
import struct
import sys

read, write = sys.stdin.buffer.read, sys.stdout.buffer.write
if sys.argv[1:] == ["encode"]:
    for line in sys.stdin.buffer:
        write(struct.pack(">I", len(line) - 1) + line[:-1])
elif sys.argv[1:] == ["decode"]:
    while header := read(4):
        write(read(struct.unpack(">I", header)[0]) + b"\n")
