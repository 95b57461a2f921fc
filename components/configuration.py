"""The one reader of `pulumi.Config`: it passes what is set to the settings, and their errors to the user."""

from typing import Any

import pulumi
from pulumi.runtime import config as runtime_config

from etcd_cluster.errors import Problem
from etcd_cluster.settings import KEYS, Settings, SettingsError, load
from etcd_cluster.settings.loading import misplaced


def read_settings() -> Settings:
    """Return the settings of the stack; raises `pulumi.RunError` (a message, no traceback) with all problems."""
    project = pulumi.get_project()
    prefix = f"{project}:"
    config = runtime_config.CONFIG.get()
    keys = {key.removeprefix(prefix): key for key in config if key.startswith(prefix)}
    problems, warnings, meant = misplaced(project, config)
    # What stands in the wrong place is judged where it belongs, so that its absence there is no problem of its own.
    keys = {**{name: key for key, name in meant.items()}, **keys}
    secret = {name for name, key in keys.items() if runtime_config.is_config_secret(key)}
    try:
        settings, more = load({name: _value(name, config[key]) for name, key in keys.items()}, secret)
    except SettingsError as error:
        raise _refusal(*problems, *error.problems) from None
    if problems:
        raise _refusal(*problems)
    for warning in [*warnings, *more]:
        pulumi.warn(warning)
    return settings


def _refusal(*problems: Problem) -> pulumi.RunError:
    return pulumi.RunError(str(SettingsError(*problems)))


def _value(name: str, text: str) -> Any:
    """Return a value in its kind; text that does not fit stays text, and the settings say what is wrong with it."""
    kind = KEYS[name].kind if name in KEYS else "string"
    if kind == "boolean" and text in ("true", "false"):
        return text == "true"
    if kind == "integer" and text.lstrip("-").isdecimal():
        return int(text)
    return text
