"""The stack that runs on one's own machine: the real template on an AWS emulator. Never deployed."""
