"""Programs of this machine that single tests need."""

import os
import shutil

import pytest

_PACKAGES = {"ssh-agent": "openssh-client", "go": "Go 1.26 or later (https://go.dev/dl)", "npm": "Node.js 20 or later"}


def needs(program: str) -> pytest.MarkDecorator:
    """Skip a test where a program is not installed, and say what to install; where everything must run, it fails."""
    absent = shutil.which(program) is None and os.environ.get("CI") != "true"
    return pytest.mark.skipif(absent, reason=f"install {_PACKAGES.get(program, program)} to have this test too")
