"""The one reader of `pulumi.Config`: it hands what stands there to the settings, and their errors to the user."""

from typing import Any

import pulumi
from pulumi.runtime import config as runtime_config

from etcd.settings import KEYS, Settings, SettingsError, load


def read_settings() -> Settings:
    """Return the settings of the stack; raises `pulumi.RunError` (a message, no traceback) with all problems."""
    prefix = f"{pulumi.get_project()}:"
    texts = {
        key.removeprefix(prefix): text for key, text in runtime_config.CONFIG.get().items() if key.startswith(prefix)
    }
    secret = {name for name in texts if runtime_config.is_config_secret(f"{prefix}{name}")}
    try:
        settings, warnings = load({name: _value(name, text) for name, text in texts.items()}, secret)
    except SettingsError as error:
        raise pulumi.RunError(str(error)) from None
    for warning in warnings:
        pulumi.warn(warning)
    return settings


def _value(name: str, text: str) -> Any:
    """Return a value in its kind; text that does not fit stays text, and the settings say what is wrong with it."""
    kind = KEYS[name].kind if name in KEYS else "string"
    if kind == "boolean" and text in ("true", "false"):
        return text == "true"
    if kind == "integer" and text.lstrip("-").isdecimal():
        return int(text)
    return text
