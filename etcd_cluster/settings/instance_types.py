"""EC2's instance types, as far as their names tell: the architecture, and whether it is of the Nitro system."""

import re
from typing import Literal

NAME = re.compile(r"(?P<family>[a-z]+)(?P<generation>[0-9]+)(?P<attributes>[a-z]*)(?:-[a-z0-9]+)*\.[a-z0-9-]+")

# All types before Nitro: https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-hypervisors.html (Xen)
_BEFORE_NITRO = "c1 c3 c4 cc2 cr1 d2 f1 g2 g3 g3s h1 hs1 i2 i3 m1 m2 m3 m4 p2 p3 r3 r4 t1 t2 x1 x1e"
BEFORE_NITRO = frozenset(_BEFORE_NITRO.split())
NITRO_DESPITE_FAMILY = frozenset({"i3.metal"})


def architecture(name: str) -> Literal["amd64", "arm64"]:
    """Return what a type's processor is: Graviton types carry a g right behind the number of their generation."""
    match = NAME.fullmatch(name)
    assert match, name
    if match["family"] + match["generation"] == "a1":
        return "arm64"
    # im4gn and is4gen too; in g5 or gr6 the g stands before the number and means a graphics processor.
    return "arm64" if match["attributes"].startswith("g") else "amd64"


def is_nitro(name: str) -> bool:
    """Tell whether volumes of a type are NVMe devices that carry their volume's id."""
    return name.partition(".")[0] not in BEFORE_NITRO or name in NITRO_DESPITE_FAMILY
