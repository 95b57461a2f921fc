"""Names of members and of client certificates."""

import re

NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?")
NAME_ALLOWED = "up to 63 lower-case letters, digits, - and ., not beginning or ending with - or ."
