"""What the tests of scripts know of their host."""

MEGABYTES = 32
"""The size of a volume."""
BY_ID = "/dev/disk/by-id"
"""Where udev names volumes."""
