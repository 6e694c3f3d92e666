#!/usr/bin/python3
"""Runs a command on a terminal of its own, types a line at each prompt (": "), and prints what stands on the screen in the end.

    typed.py COMMAND LINE…      ^C instead of a line interrupts; ends with the command's exit code
"""
import os
import pty
import sys
import termios

_, command, *lines = sys.argv
pid, terminal = pty.fork()
if pid == 0:
    os.execv("/bin/sh", ["sh", "-c", "exec " + command])
screen = b""


def more():
    """False at the end."""
    global screen
    try:
        read = os.read(terminal, 1000)
    except OSError:  # its other end is closed
        read = b""
    screen += read
    return read


for line in lines:
    while not screen.endswith(b": ") and more():
        pass
    os.write(terminal, b"\x03" if line == "^C" else line.encode() + b"\n")
    screen += b"_"
while more():
    pass
print(screen.decode() + ("" if termios.tcgetattr(terminal)[3] & termios.ECHO else "What is typed is not shown any more."))
code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
sys.exit(128 - code if code < 0 else code)
